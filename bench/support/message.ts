const LINE = 'The quick brown fox jumps over the lazy dog. 0123456789.....\r\n';
let count = 0;

/** A message that nobody has sent before, of about this many octets and no more. */
export function newMessage(octets: number): Buffer {
  const head =
    `From: a@example.test\r\nTo: b@example.test\r\nSubject: message ${++count}\r\n` +
    `Message-ID: <${count}.${process.hrtime.bigint()}@example.test>\r\n\r\n`;
  return Buffer.from(head + LINE.repeat(Math.max(1, Math.floor((octets - head.length) / LINE.length))));
}
