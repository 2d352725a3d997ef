// Prints the arguments of run.mjs: paths below the repository become those of the initramfs, and
// the directory of the log becomes the one on the disk of the virtual machine.
const [repository, script, , ...more] = process.argv.slice(2);
const inGuest = (text) => text.replaceAll(repository, '/app');
const all = [inGuest(script), '/mnt/wal', ...more.map(inGuest)];
process.stdout.write(Buffer.from(JSON.stringify(all)).toString('base64'));
