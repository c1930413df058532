import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { issueCertificate } from './issue.ts';

describe('certificates of a cluster', () => {
  it('are signed by its authority, for the names and addresses that were asked for', async () => {
    const authority = await issueCertificate({ name: 'Stoa cluster', hosts: [], days: 10, isAuthority: true });
    const node = await issueCertificate({
      name: 'node1',
      hosts: ['node1.example.test', '127.0.0.11'],
      days: 5,
      authority,
    });
    const [ca, certificate] = [new X509Certificate(authority.cert), new X509Certificate(node.cert)];
    expect(ca.ca).toBe(true);
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(ca.publicKey)).toBe(true);
    expect(certificate.checkIssued(ca)).toBe(true);
    expect(certificate.checkHost('node1.example.test')).toBe('node1.example.test');
    expect(certificate.checkIP('127.0.0.11')).toBe('127.0.0.11');
    expect(certificate.checkHost('node2.example.test')).toBeUndefined();
  });
});
