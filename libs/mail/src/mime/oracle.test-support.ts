/** Tricky messages, and what Dovecot 2.3.19 answered to FETCH (ENVELOPE BODYSTRUCTURE) of them. */
export interface OracleCase {
  name: string;
  /** With LF for CRLF. */
  message: string;
  envelope: string;
  /** In lower case. */
  structure: string;
}

const HEAD = 'From: A <a@b.c>\nSubject: x\nMIME-Version: 1.0\n';
const ENVELOPE = 'NIL "x" (("A" NIL "a" "b.c")) (("A" NIL "a" "b.c")) (("A" NIL "a" "b.c")) NIL NIL NIL NIL NIL';

export const ORACLE: readonly OracleCase[] = [
  {
    name: 'a plain message',
    message: `${HEAD}\nhello\nworld\n`,
    envelope: ENVELOPE,
    structure: '"text" "plain" ("charset" "us-ascii") nil nil "7bit" 14 2 nil nil nil nil',
  },
  {
    name: 'no line ending at the end',
    message: `${HEAD}\nhello\nworld`,
    envelope: ENVELOPE,
    structure: '"text" "plain" ("charset" "us-ascii") nil nil "7bit" 12 1 nil nil nil nil',
  },
  {
    name: 'no blank line behind the header',
    message: 'Subject: x\nhello there\nFrom: a@b.c\n',
    envelope: 'NIL "x" ((NIL NIL "a" "b.c")) ((NIL NIL "a" "b.c")) ((NIL NIL "a" "b.c")) NIL NIL NIL NIL NIL',
    structure: '"text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil',
  },
  {
    name: 'an empty message',
    message: '',
    envelope: 'NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL',
    structure: '"text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil',
  },
  {
    name: 'a header alone',
    message: 'Subject: x\n',
    envelope: 'NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL',
    structure: '"text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil',
  },
  {
    name: 'no closing boundary, a boundary with a blank in it',
    message:
      HEAD +
      'Content-Type: multipart/mixed; boundary="b b"\n\npre\n--b b\n\nhello\nx\n--b b\nContent-Type: text/html\n\n<p>\n',
    envelope: ENVELOPE,
    structure:
      '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 8 1 nil nil nil nil)("text" "html" ("charset" "us-ascii") nil nil "7bit" 5 1 nil nil nil nil) "mixed" ("boundary" "b b") nil nil nil',
  },
  {
    name: 'the outer boundary ends the inner multipart',
    message:
      HEAD +
      'Content-Type: multipart/mixed; boundary=out\n\n--out\nContent-Type: multipart/alternative; boundary=in\n\n--in\n\none\n--in\nContent-Type: text/html\n\ntwo\n--out\n\nthree\n--out--\n',
    envelope: ENVELOPE,
    structure:
      '(("text" "plain" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil)("text" "html" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil) "alternative" ("boundary" "in") nil nil nil)("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil) "mixed" ("boundary" "out") nil nil nil',
  },
  {
    name: 'the inner boundary begins like the outer',
    message:
      HEAD +
      'Content-Type: multipart/mixed; boundary=ab\n\n--ab\nContent-Type: multipart/alternative; boundary=abc\n\n--abc\n\none\n--abc\nContent-Type: text/html\n\ntwo\n--abc--\n--ab\n\nthree\n--ab--\n',
    envelope: ENVELOPE,
    structure:
      '(("text" "plain" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil)("text" "html" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil) "alternative" ("boundary" "abc") nil nil nil)("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil) "mixed" ("boundary" "ab") nil nil nil',
  },
  {
    name: 'the outer boundary begins like the inner',
    message:
      HEAD +
      'Content-Type: multipart/mixed; boundary=abc\n\n--abc\nContent-Type: multipart/alternative; boundary=ab\n\n--ab\n\none\n--ab\nContent-Type: text/html\n\ntwo\n--ab--\n--abc\n\nthree\n--abc--\n',
    envelope: ENVELOPE,
    structure:
      '(("text" "plain" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil)("text" "html" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil) "alternative" ("boundary" "ab") nil nil nil)("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil) "mixed" ("boundary" "abc") nil nil nil',
  },
  {
    name: 'inner and outer boundary are the same',
    message:
      HEAD +
      'Content-Type: multipart/mixed; boundary=ab\n\n--ab\nContent-Type: multipart/alternative; boundary=ab\n\n--ab\n\none\n--ab--\n--ab\n\nthree\n--ab--\n',
    envelope: ENVELOPE,
    structure:
      '(("text" "plain" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil) "alternative" ("boundary" "ab") nil nil nil)("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil) "mixed" ("boundary" "ab") nil nil nil',
  },
  {
    name: 'a digest',
    message:
      HEAD +
      'Content-Type: multipart/digest; boundary=d\n\n--d\n\nSubject: in1\nFrom: i@n\n\nbody1\n--d\nContent-Type: text/plain\n\nbody2\n--d--\n',
    envelope: ENVELOPE,
    structure:
      '("message" "rfc822" nil nil nil "7bit" 32 (nil "in1" ((nil nil "i" "n")) ((nil nil "i" "n")) ((nil nil "i" "n")) nil nil nil nil nil) ("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil) 3 nil nil nil nil)("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil) "digest" ("boundary" "d") nil nil nil',
  },
  {
    name: 'a message in a message',
    message:
      HEAD +
      'Content-Type: message/rfc822\n\nSubject: in\nContent-Type: multipart/mixed; boundary=z\n\n--z\n\none\n--z--\n',
    envelope: ENVELOPE,
    structure:
      '"message" "rfc822" nil nil nil "7bit" 77 (nil "in" nil nil nil nil nil nil nil nil) (("text" "plain" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil) "mixed" ("boundary" "z") nil nil nil) 7 nil nil nil nil',
  },
  {
    name: 'an embedded message whose header a boundary cuts short',
    message:
      HEAD +
      'Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: message/rfc822\n\nSubject: in\nFrom: y@z\n\nbody\n--q\nContent-Type: message/rfc822\n\nSubject: onlyheader\n--q--\n',
    envelope: ENVELOPE,
    structure:
      '("message" "rfc822" nil nil nil "7bit" 30 (nil "in" ((nil nil "y" "z")) ((nil nil "y" "z")) ((nil nil "y" "z")) nil nil nil nil nil) ("text" "plain" ("charset" "us-ascii") nil nil "7bit" 4 0 nil nil nil nil) 3 nil nil nil nil)("message" "rfc822" nil nil nil "7bit" 21 (nil "onlyheader" nil nil nil nil nil nil nil nil) ("text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil) 1 nil nil nil nil) "mixed" ("boundary" "q") nil nil nil',
  },
  {
    name: 'a parameter without a value',
    message: `${HEAD}Content-Type: text/html; charset\n\nhello\n`,
    envelope: ENVELOPE,
    structure: '"text" "html" ("charset" "us-ascii") nil nil "7bit" 7 1 nil nil nil nil',
  },
  {
    name: 'rubbish behind a parameter',
    message: `${HEAD}Content-Type: text/html; charset=utf-8 foo=bar; a=b\n\nhello\n`,
    envelope: ENVELOPE,
    structure: '"text" "html" ("charset" "utf-8" "a" "b") nil nil "7bit" 7 1 nil nil nil nil',
  },
  {
    name: 'blanks, comments and escapes in Content-Type',
    message: `${HEAD}Content-Type: text / html ; charset = "u\\"x" (c) ; a=b;\n\nhello\n`,
    envelope: ENVELOPE,
    structure: '"text" "html" ("charset" "u\\"x" "a" "b") nil nil "7bit" 7 1 nil nil nil nil',
  },
  {
    name: 'a multipart that names no boundary',
    message: `${HEAD}Content-Type: multipart/mixed\n\n--x\n\nhello\n--x--\n`,
    envelope: ENVELOPE,
    structure: '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil) "mixed" nil nil nil nil',
  },
  {
    name: 'a multipart without a part',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\n\nhello\n`,
    envelope: ENVELOPE,
    structure:
      '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'a closing boundary alone',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\n\nhello\n--x--\nepi\n`,
    envelope: ENVELOPE,
    structure:
      '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'the message ends behind a boundary',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x`,
    envelope: ENVELOPE,
    structure:
      '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'the message ends with the line of a boundary',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x\n`,
    envelope: ENVELOPE,
    structure:
      '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil)("text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'the message ends within the closing boundary line',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\n\n--x\n\nhello\n--x--`,
    envelope: ENVELOPE,
    structure:
      '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'a boundary within a header',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n--x\n\nhello\n--x--\n`,
    envelope: ENVELOPE,
    structure:
      '("text" "html" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil)("text" "plain" ("charset" "us-ascii") nil nil "7bit" 5 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'parts without a body',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\n--x\n\n\n--x--\n`,
    envelope: ENVELOPE,
    structure:
      '("text" "html" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil)("text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'boundaries behind the closing one',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\n\n--x\n\none\n--x--\n--x\n\ntwo\n--x--\n`,
    envelope: ENVELOPE,
    structure:
      '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'fields that come twice',
    message:
      HEAD +
      'Subject: second\nFrom: z@z\nTo: a@a\nTo: b@b\nContent-Type: text/html\nContent-Type: image/png\nDate: one\nDate: two\nMessage-ID: <1@x>\nMessage-ID: <2@x>\n\nAAAA\n',
    envelope:
      '"two" "second" (("A" NIL "a" "b.c")(NIL NIL "z" "z")) (("A" NIL "a" "b.c")(NIL NIL "z" "z")) (("A" NIL "a" "b.c")(NIL NIL "z" "z")) ((NIL NIL "a" "a")(NIL NIL "b" "b")) NIL NIL NIL "<2@x>"',
    structure: '"text" "html" ("charset" "us-ascii") nil nil "7bit" 6 1 nil nil nil nil',
  },
  {
    name: 'blanks before the colon, empty Sender',
    message: 'From: a@b\nReply-To: r@r\nSender: \nTo: undisclosed-recipients:;\nSubject : spaced\nDate\t: d\n\n',
    envelope:
      '"d" "spaced" ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "r" "r")) ((NIL NIL "undisclosed-recipients" NIL)(NIL NIL NIL NIL)) NIL NIL NIL NIL',
    structure: '"text" "plain" ("charset" "us-ascii") nil nil "7bit" 0 0 nil nil nil nil',
  },
  {
    name: 'a header that begins with a blank',
    message: ' starts with space\nSubject: x\n\nbody\n',
    envelope: 'NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL',
    structure: '"text" "plain" ("charset" "us-ascii") nil nil "7bit" 6 1 nil nil nil nil',
  },
  {
    name: 'a multipart that says it is base64',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\nContent-Transfer-Encoding: base64\n\n--x\n\none\n--x--\n`,
    envelope: ENVELOPE,
    structure:
      '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'message/external-body',
    message: `${HEAD}Content-Type: message/external-body; access-type=URL\n\nContent-Type: image/png\n\n`,
    envelope: ENVELOPE,
    structure: '"message" "external-body" ("access-type" "url") nil nil "7bit" 27 nil nil nil nil',
  },
  {
    name: 'message/partial',
    message: `${HEAD}Content-Type: message/partial; id=1\n\nfoo\n`,
    envelope: ENVELOPE,
    structure: '"message" "partial" ("id" "1") nil nil "7bit" 5 nil nil nil nil',
  },
  {
    name: 'no MIME-Version',
    message: 'From: a@b\nContent-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/html\n\none\n--x--\n',
    envelope: 'NIL NIL ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL',
    structure:
      '("text" "html" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'text behind boundaries',
    message: `${HEAD}Content-Type: multipart/mixed; boundary=x\n\n--x  \n\none\n--xfoo\n\ntwo\n--x-- \n`,
    envelope: ENVELOPE,
    structure:
      '("text" "plain" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil)("text" "plain" ("charset" "us-ascii") nil nil "7bit" 3 0 nil nil nil nil) "mixed" ("boundary" "x") nil nil nil',
  },
  {
    name: 'upper and mixed case',
    message: `${HEAD}Content-Type: TEXT/Plain; CharSet=UTF-8\nContent-Transfer-Encoding: Quoted-Printable\n\na\n`,
    envelope: ENVELOPE,
    structure: '"text" "plain" ("charset" "utf-8") nil nil "quoted-printable" 3 1 nil nil nil nil',
  },
  {
    name: 'a parameter folded within its quotes',
    message: `${HEAD}Content-Type: text/plain; name="a\n b"; charset=us-ascii\n\na\n`,
    envelope: ENVELOPE,
    structure: '"text" "plain" ("name" "a b" "charset" "us-ascii") nil nil "7bit" 3 1 nil nil nil nil',
  },
];
