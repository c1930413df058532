import { coordinatorModule } from '@stoa/service-coordinator';
import { imapModule } from '@stoa/service-imap';
import type { ServiceModule } from '@stoa/service-kit';
import { rolesModule } from '@stoa/service-roles';
import { smtpModule } from '@stoa/service-smtp';
import { storeRouterModule } from '@stoa/service-store-router';

/** Every service there is; `all` means this whole table. What each needs and offers, its own row says. */
export const SERVICES: readonly ServiceModule[] = [
  coordinatorModule,
  storeRouterModule,
  smtpModule,
  imapModule,
  rolesModule,
] as readonly ServiceModule[];
