export { storeRouterModule } from './service.ts';
