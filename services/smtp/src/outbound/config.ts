import { z } from 'zod';

export const outboundConfig = z.strictObject({}).describe('Delivery to other servers.');
