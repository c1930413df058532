export * from './address.ts';
export { Base64Decoder, decodeBase64 } from './base64.ts';
export * from './charset.ts';
export * from './date-time.ts';
export * from './encoded-word.ts';
export { type HeaderField, HeaderFilter, headerFields, headerValues, unfold } from './header-field.ts';
export { HtmlText } from './html-text.ts';
export * from './message-id.ts';
export * from './message-parser.ts';
export { parameter, parseContentType, parseDisposition } from './parameters.ts';
export { QuotedPrintableDecoder } from './quoted-printable.ts';
export * from './section.ts';
export * from './structure-error.ts';
export {
  decodeEnvelope,
  decodeParts,
  decodeStructure,
  requireEnd,
  StoredStructure,
} from './structure-reader.ts';
export { encodeStructure } from './structure-writer.ts';
export * from './text-extractor.ts';
export * from './text-search.ts';
export * from './transfer-decoder.ts';
export * from './types.ts';
