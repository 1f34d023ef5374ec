import { describe, expect, it } from 'vitest';
import { addressesIn, allowedDomains } from './hosts-policy.ts';

describe('a list of hosts', () => {
  it('keeps the port of a host that has one', () => {
    expect(allowedDomains([{ host: 'pypi.example', port: null }, { host: 'files.example', port: 8080 }])).toEqual(['pypi.example', 'files.example:8080']);
  });

  it.each(['127.0.0.1', '127.0.0.1:8080', '127.1', '2130706433', '0x7f.1', '0x7f000001', '[::1]', '::1', 'localhost', 'LOCALHOST:80', 'a.localhost', 'localhost.'])(
    'is not kept with an address or a name of this machine: %s', (domain) => {
      expect(addressesIn(['pypi.example', domain])).toEqual([domain]);
    });

  it.each(['pypi.example', 'files.example:8080', '3com.example', 'localhost.example', '0x7f.example'])('takes the name of another host: %s', (domain) => {
    expect(addressesIn([domain])).toEqual([]);
  });
});
