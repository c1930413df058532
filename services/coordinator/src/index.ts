export { coordinatorModule } from './service.ts';
