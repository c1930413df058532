import { formatAddress } from '../address/index.ts';
import { encodeSaslInitial } from '../sasl/index.ts';
import type { MailParameters, RcptParameters, SmtpCommand } from './command.ts';
import { SmtpSyntaxError } from './syntax-error.ts';
import { encodeUtf8AddrXtext, encodeXtext } from './xtext.ts';

/**
 * The command's line with its CRLF, to be written as UTF-8.
 * @throws SmtpSyntaxError where the command holds a control character, which could forge another command
 */
export function formatSmtpCommand(command: SmtpCommand): string {
  const line = commandText(command);
  if (/[\x00-\x1f\x7f]/.test(line)) throw new SmtpSyntaxError(501, '5.5.2', 'Control character in a command');
  return `${line}\r\n`;
}

function commandText(command: SmtpCommand): string {
  switch (command.verb) {
    case 'EHLO':
    case 'HELO':
    case 'LHLO':
      return `${command.verb} ${command.name}`;
    case 'MAIL': {
      const sender = command.sender === null ? '' : formatAddress(command.sender);
      return `MAIL FROM:<${sender}>${mailParameters(command.parameters)}`;
    }
    case 'RCPT':
      return `RCPT TO:<${formatAddress(command.recipient)}>${rcptParameters(command.parameters)}`;
    case 'BDAT':
      return `BDAT ${command.size}${command.last ? ' LAST' : ''}`;
    case 'VRFY':
    case 'EXPN':
      return `${command.verb} ${command.argument}${command.smtputf8 ? ' SMTPUTF8' : ''}`;
    case 'NOOP':
    case 'HELP':
      return command.argument === '' ? command.verb : `${command.verb} ${command.argument}`;
    case 'AUTH':
      return `AUTH ${command.mechanism}${command.initial === undefined ? '' : ` ${encodeSaslInitial(command.initial)}`}`;
    default:
      return command.verb;
  }
}

function mailParameters(parameters: MailParameters): string {
  const { size, body, smtputf8, ret, envid, auth } = parameters;
  let text = '';
  if (size !== undefined) text += ` SIZE=${size}`;
  if (body !== undefined) text += ` BODY=${body}`;
  if (smtputf8 === true) text += ' SMTPUTF8';
  if (ret !== undefined) text += ` RET=${ret}`;
  if (envid !== undefined) text += ` ENVID=${encodeXtext(envid)}`;
  if (auth !== undefined) text += ` AUTH=${auth === null ? '<>' : encodeXtext(formatAddress(auth))}`;
  return text;
}

function rcptParameters({ notify, orcpt }: RcptParameters): string {
  let text = '';
  if (notify !== undefined) text += ` NOTIFY=${notify.join(',')}`;
  if (orcpt !== undefined) {
    const encode = orcpt.type.toLowerCase() === 'utf-8' ? encodeUtf8AddrXtext : encodeXtext;
    text += ` ORCPT=${orcpt.type};${encode(orcpt.address)}`;
  }
  return text;
}
