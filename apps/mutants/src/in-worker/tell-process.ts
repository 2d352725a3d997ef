/**
 * A setup file of the runs with a mutant: the process that runs the tests leaves its id in a
 * folder, so that it can be ended when a mutant makes a loop endless.
 */
import { writeFileSync } from 'node:fs';

const folder = process.env['BABUZA_MUTANT_PROCESSES'];
if (folder !== undefined) writeFileSync(`${folder}/${process.pid}`, '');
