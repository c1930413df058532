export { smtpModule } from './service.ts';
