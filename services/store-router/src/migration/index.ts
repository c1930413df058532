export { abandonMigration, type MigrationProgress, type MigrationResult, migrate } from './migrate.ts';
export type { MailStores } from './stores.ts';
