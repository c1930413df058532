/** Octets of the largest message of a contract, either way. Bodies are streamed in far smaller pieces. */
export const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** Octets of the largest message of gRPC: a line has one of the contract's in it, and what is said beside it. */
export const MAX_TRANSPORT_BYTES = MAX_MESSAGE_BYTES + 1024 * 1024;
