// The two peers of bench/dispatch, each one task at a time for each caller, with an acknowledgement that is durable when it comes:
//
//   node peers.mjs pg-boss|graphile-worker prepare URL
//   node peers.mjs pg-boss|graphile-worker run URL CALLERS CYCLES SECONDS CONNECTIONS     prints one line of JSON
//
// Tasks are put in by bench/dispatch/run, with SQL, for their own ways of adding a million take minutes.
import PgBoss from "pg-boss";
import { Logger, makeWorkerUtils, run as runWorkers } from "graphile-worker";
import { EventEmitter } from "node:events";

const QUEUE = "bench";
const [system, action, url, ...counts] = process.argv.slice(2);
const [callers, cycles, seconds, connections] = counts.map(Number);
const until = Date.now() + (seconds || 0) * 1000;
const milliseconds = (since) => Number(process.hrtime.bigint() - since) / 1e6;

const claims = [];
const finishes = [];
const percentile = (values, p) => values.sort((a, b) => a - b)[Math.floor((values.length * p) / 100)];

function report(took) {
  const said = { cycles: finishes.length, seconds: took };
  for (const [name, values] of Object.entries({ claim: claims, finish: finishes })) {
    said[`${name}_p50`] = percentile(values, 50);
    said[`${name}_p99`] = percentile(values, 99);
  }
  console.log(JSON.stringify(said));
}

const pgBoss = {
  async open() {
    const boss = new PgBoss({ connectionString: url, max: connections, schedule: false, supervise: false });
    boss.on("error", (error) => { throw error; });
    await boss.start();
    return boss;
  },
  async prepare() {
    const boss = await this.open();
    await boss.createQueue(QUEUE);
    await boss.stop({ graceful: false });
  },
  async run() {
    const boss = await this.open();
    let left = cycles;
    const caller = async () => {
      while (left-- > 0 && Date.now() < until) {
        const began = process.hrtime.bigint();
        const [job] = await boss.fetch(QUEUE);
        if (!job) throw new Error("no task was left");
        claims.push(milliseconds(began));
        const claimed = process.hrtime.bigint();
        await boss.complete(QUEUE, job.id);
        finishes.push(milliseconds(claimed));
      }
    };
    const began = process.hrtime.bigint();
    await Promise.all(Array.from({ length: callers }, caller));
    report(milliseconds(began) / 1000);
    await boss.stop({ graceful: false });
  },
};

const graphileWorker = {
  async prepare() {
    const utils = await makeWorkerUtils({ connectionString: url });
    await utils.migrate();
    await utils.release();
  },
  async run() {
    const events = new EventEmitter();
    const asked = new Map();
    const given = new Map();
    let over;
    const done = new Promise((resolve) => { over = resolve; });
    const began = process.hrtime.bigint();
    events.on("worker:getJob:start", ({ worker }) => asked.set(worker.workerId, process.hrtime.bigint()));
    events.on("job:start", ({ worker }) => {
      claims.push(milliseconds(asked.get(worker.workerId)));
      given.set(worker.workerId, process.hrtime.bigint());
    });
    let took;
    events.on("job:complete", ({ worker }) => {
      if (took !== undefined) return;
      finishes.push(milliseconds(given.get(worker.workerId)));
      if (finishes.length < cycles && Date.now() < until) return;
      took = milliseconds(began) / 1000;
      over();
    });
    const runner = await runWorkers({
      connectionString: url, concurrency: callers, maxPoolSize: connections, noHandleSignals: true, events,
      logger: new Logger(() => () => {}), taskList: { [QUEUE]: () => {} },
    });
    await done;
    report(took);
    await runner.stop();
  },
};

const peer = { "pg-boss": pgBoss, "graphile-worker": graphileWorker }[system];
await peer[action]();
process.exit(0);
