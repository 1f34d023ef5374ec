import { describe, expect, it } from 'vitest';
import { SessionLocks } from './session-locks.ts';

const never = new AbortController().signal;

describe('session locks', () => {
  it('refuses a second holder and is free again after disposal, however often it is disposed', () => {
    const locks = new SessionLocks();
    const lease = locks.take('s1');

    expect(() => locks.take('s1')).toThrow(expect.objectContaining({ code: 'SESSION_BUSY' }));
    lease[Symbol.dispose]();
    lease[Symbol.dispose]();
    expect(locks.isHeld('s1')).toBe(false);
    expect(locks.take('s1').sessionId).toBe('s1');
  });

  it('hands the lock to waiters in the order of their arrival', async () => {
    const locks = new SessionLocks();
    const first = locks.take('s1');
    const order: string[] = [];
    const wait = async (name: string): Promise<void> => {
      using _lease = await locks.takeWithin('s1', 5_000, never);
      order.push(name);
    };

    const waiting = [wait('a'), wait('b'), wait('c')];
    first[Symbol.dispose]();
    await Promise.all(waiting);

    expect(order).toEqual(['a', 'b', 'c']);
    expect(locks.isHeld('s1')).toBe(false);
  });

  it('gives up after its bound and leaves no place in the queue', async () => {
    const locks = new SessionLocks();
    const holder = locks.take('s1');

    await expect(locks.takeWithin('s1', 5, never)).rejects.toMatchObject({ code: 'SESSION_BUSY' });
    holder[Symbol.dispose]();

    expect(locks.isHeld('s1')).toBe(false);
  });

  it('gives up when its signal is aborted', async () => {
    const locks = new SessionLocks();
    const holder = locks.take('s1');
    const stop = new AbortController();

    const waiting = locks.takeWithin('s1', 5_000, stop.signal);
    stop.abort();

    await expect(waiting).rejects.toMatchObject({ code: 'SESSION_BUSY' });
    holder[Symbol.dispose]();
  });

  it('waits for nothing when its signal is aborted already', async () => {
    const locks = new SessionLocks();
    using _holder = locks.take('s1');

    await expect(locks.takeWithin('s1', 5_000, AbortSignal.abort())).rejects.toMatchObject({ code: 'SESSION_BUSY' });
  });
});
