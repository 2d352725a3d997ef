import { defineConfig, mergeConfig } from 'vitest/config';
import config from './vitest.config.ts';
import { adjustableLadders, longLadders } from './vitest.ladders.ts';

const torture = mergeConfig(config, defineConfig({}));
torture.test.include = [...longLadders, ...adjustableLadders];
torture.test.exclude = [];
torture.test.env = {
  BABUZA_SIMULATION_SEEDS: process.env['BABUZA_SIMULATION_SEEDS'] ?? '2000',
  BABUZA_CLUSTER_SEEDS: process.env['BABUZA_CLUSTER_SEEDS'] ?? '500',
};

export default torture;
