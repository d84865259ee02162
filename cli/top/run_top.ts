export const runTop = (..._: unknown[]): Promise<void> => Promise.resolve();
