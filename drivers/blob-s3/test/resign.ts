import { createHash, createHmac } from 'node:crypto';

interface SignedRequest {
  method: string;
  /** Path and query. */
  url: string;
  headers: Record<string, string>;
}

const hash = (text: string) => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();

/** Signs a request anew (AWS Signature Version 4) for the headers that it still has of those that were signed. */
export function resign({ method, url, headers }: SignedRequest, secretKey: string): string {
  const [, accessKey, scope = '', signed = ''] =
    /Credential=([^/]+)\/([^,]+), *SignedHeaders=([^,]+)/.exec(headers['authorization'] ?? '') ?? [];
  const names = signed.split(';').filter((name) => headers[name] !== undefined);
  const [path = '', query = ''] = url.split('?');
  const canonicalQuery = query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => (part.includes('=') ? part : `${part}=`))
    .sort()
    .join('&');
  const lines = names.map((name) => `${name}:${headers[name]?.trim()}\n`).join('');
  const request = [method, path, canonicalQuery, lines, names.join(';'), headers['x-amz-content-sha256']].join('\n');
  const [day = '', region = '', service = '', end = ''] = scope.split('/');
  const key = [region, service, end].reduce<Buffer>(hmac, hmac(`AWS4${secretKey}`, day));
  const text = `AWS4-HMAC-SHA256\n${headers['x-amz-date']}\n${scope}\n${hash(request)}`;
  const signature = createHmac('sha256', key).update(text).digest('hex');
  return `AWS4-HMAC-SHA256 Credential=${accessKey}/${scope}, SignedHeaders=${names.join(';')}, Signature=${signature}`;
}
