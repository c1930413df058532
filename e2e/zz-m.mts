import { Stoa } from './support/stoa.ts';
for (const shape of ['all-in-one','scaled-out'] as const) {
const stoa = await Stoa.start(shape);
for (let i=0;i<6;i++){ console.log(shape, i, (await (await fetch(`http://${stoa.httpAddress('coordinator')}/metrics`)).text()).split('\n').filter(l=>l.includes('subscribers')).join(' | ')); await new Promise(r=>setTimeout(r,400)); }
await stoa[Symbol.asyncDispose]();
}
