import type { Storage } from '@babuza/wal-core';

export function contentOf(storage: Storage): string;
