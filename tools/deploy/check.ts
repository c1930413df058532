/**
 * `npm run check:deploy`: what can be said about deploy/ without a Docker engine or a Kubernetes cluster. Tools are installed
 * once, into ~/.cache/stoa-tools/deploy (STOA_DEPLOY_TOOLS names another folder). With CI=true a tool that cannot be had is a
 * failure; otherwise its steps are left out and named.
 */
import { chartSteps } from './chart.ts';
import { composeSteps } from './compose.ts';
import { imageSteps } from './image.ts';
import { runSteps } from './step.ts';

const isCi = ['true', '1'].includes(process.env['CI'] ?? '');
const failed = await runSteps([...imageSteps, ...composeSteps, ...chartSteps], isCi);
process.exitCode = failed === 0 ? 0 : 1;
