/** Variable with the file in which the processes of a test run note the servers they start. */
export const USED_FILE = 'STOA_TEST_SERVERS_USED';
