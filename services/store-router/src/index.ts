export {
  abandonMigration,
  type MailStores,
  type MigrationProgress,
  type MigrationResult,
  migrate,
} from './migration/index.ts';
export { storeRouterModule } from './service.ts';
