export { rolesModule } from './service.ts';
