export { REMOTE_DRIVER, type RemoteConfig, remoteConfig, remoteDriver } from './factory.ts';
export { type ServedPlugin, type ServePluginOptions, servePlugin } from './serve-plugin.ts';
