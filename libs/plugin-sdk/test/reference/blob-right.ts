import { blobFactory } from './blob.ts';

export default blobFactory('none');
