import { defineConfig, mergeConfig } from 'vitest/config';
import config from './vitest.config.ts';
import { adjustableLadders, everySlice, longLadders } from './vitest.ladders.ts';

/**
 * `BABUZA_LADDER_SLICE=2/4`: the second quarter of the ladders, and those that are part of every
 * slice.
 */
const [slice = 1, slices = 1] = (process.env['BABUZA_LADDER_SLICE'] ?? '1/1')
  .split('/')
  .map(Number);
if (!(slice >= 1 && slice <= slices))
  throw new RangeError('BABUZA_LADDER_SLICE wants 1/4, 2/4 or the like');

const torture = mergeConfig(config, defineConfig({}));
torture.test.include = [...longLadders, ...adjustableLadders].filter(
  (file, at) => everySlice.includes(file) || at % slices === slice - 1,
);
torture.test.exclude = [];
torture.test.env = {
  BABUZA_SIMULATION_SEEDS: process.env['BABUZA_SIMULATION_SEEDS'] ?? '2000',
  BABUZA_CLUSTER_SEEDS: process.env['BABUZA_CLUSTER_SEEDS'] ?? '500',
  BABUZA_OPERATOR_SEEDS: process.env['BABUZA_OPERATOR_SEEDS'] ?? '2000',
};

export default torture;
