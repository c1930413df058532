export { imapModule } from './service.ts';
