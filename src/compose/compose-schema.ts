// A JSON schema of compose files, our own: every key that the compose specification or docker-compose 1.29's formats
// 2.x and 3.x give a meaning, with the types they take. Numbers and booleans may be text, since variables are.
// What no image depends on (networks' addressing, deploy's resources) is checked for its kind only.
import type { Schema } from './validate.ts';

const text = { type: 'string' } as const;
const textOrNumber = { type: ['string', 'number'] } as const;
const integer = { type: ['integer', 'string'], pattern: '^-?[0-9]+$' } as const;
const boolean = { type: ['boolean', 'string'] } as const;
const map = { type: 'object' } as const;
const mapOrNull = { type: ['object', 'null'] } as const;
const list = { type: 'array' } as const;
const names = { type: 'array', items: text } as const;
const scalars = { type: 'array', items: { type: ['string', 'number'] } } as const;
const textOrList = { type: ['string', 'array'], items: text } as const;
const pairValues = { type: ['string', 'number', 'boolean', 'null'] } as const;
/** `name: value`, or a list of `name=value`. */
const pairs = { type: ['object', 'array'], items: text, additionalProperties: pairValues } as const;
const command = {
  type: ['string', 'array', 'null'],
  items: { type: ['string', 'number', 'boolean'] },
} as const;
const extension = { '^x-': {} } as const;

function strict(properties: Readonly<Record<string, Schema>>, rest: Schema = {}): Schema {
  return { type: 'object', properties, patternProperties: extension, additionalProperties: false, ...rest };
}

const buildKeys = {
  additional_contexts: pairs,
  args: pairs,
  cache_from: names,
  cache_to: names,
  context: text,
  dockerfile: text,
  dockerfile_inline: text,
  entitlements: names,
  extra_hosts: { type: ['object', 'array'] },
  isolation: text,
  labels: pairs,
  network: text,
  no_cache: boolean,
  no_cache_filter: textOrList,
  platforms: names,
  privileged: boolean,
  provenance: boolean,
  pull: boolean,
  sbom: boolean,
  secrets: list,
  shm_size: textOrNumber,
  ssh: { type: ['string', 'object', 'array'] },
  tags: names,
  target: text,
  ulimits: map,
};

const port = strict(
  {
    app_protocol: text,
    host_ip: text,
    mode: text,
    name: text,
    protocol: text,
    published: textOrNumber,
    target: integer,
  },
  { type: ['string', 'number', 'object'], required: ['target'] },
);

const volume = strict(
  {
    bind: map,
    consistency: text,
    image: map,
    read_only: boolean,
    source: text,
    target: text,
    tmpfs: map,
    type: { enum: ['bind', 'volume', 'tmpfs', 'image', 'npipe', 'cluster'] },
    volume: map,
  },
  { type: ['string', 'object'], required: ['type'] },
);

const healthcheck = strict({
  disable: boolean,
  interval: text,
  retries: textOrNumber,
  start_interval: text,
  start_period: text,
  test: textOrList,
  timeout: text,
});

const serviceKeys = {
  annotations: pairs,
  attach: boolean,
  blkio_config: map,
  build: { ...strict(buildKeys), type: ['string', 'object'] },
  cap_add: names,
  cap_drop: names,
  cgroup: text,
  cgroup_parent: text,
  command,
  configs: list,
  container_name: text,
  cpu_count: textOrNumber,
  cpu_percent: textOrNumber,
  cpu_period: textOrNumber,
  cpu_quota: textOrNumber,
  cpu_rt_period: textOrNumber,
  cpu_rt_runtime: textOrNumber,
  cpu_shares: textOrNumber,
  cpus: textOrNumber,
  cpuset: text,
  credential_spec: map,
  depends_on: { type: ['array', 'object'], items: text, additionalProperties: mapOrNull },
  deploy: mapOrNull,
  develop: mapOrNull,
  device_cgroup_rules: names,
  devices: list,
  dns: textOrList,
  dns_opt: names,
  dns_search: textOrList,
  domainname: text,
  entrypoint: command,
  env_file: { type: ['string', 'array'], items: { type: ['string', 'object'] } },
  environment: pairs,
  expose: scalars,
  extends: {
    ...strict({ file: text, service: text }, { required: ['service'] }),
    type: ['string', 'object'],
  },
  external_links: names,
  extra_hosts: { type: ['object', 'array'] },
  gpus: { type: ['string', 'array'] },
  group_add: scalars,
  healthcheck,
  hostname: text,
  image: text,
  init: boolean,
  ipc: text,
  isolation: text,
  label_file: textOrList,
  labels: pairs,
  links: names,
  logging: mapOrNull,
  mac_address: text,
  mem_limit: textOrNumber,
  mem_reservation: textOrNumber,
  mem_swappiness: textOrNumber,
  memswap_limit: textOrNumber,
  models: { type: ['array', 'object'] },
  network_mode: text,
  networks: { type: ['array', 'object'], items: text, additionalProperties: mapOrNull },
  oom_kill_disable: boolean,
  oom_score_adj: textOrNumber,
  pid: { type: ['string', 'null'] },
  pids_limit: textOrNumber,
  platform: text,
  ports: { type: 'array', items: port },
  post_start: list,
  pre_start: list,
  pre_stop: list,
  privileged: boolean,
  profiles: names,
  provider: map,
  pull_policy: text,
  pull_refresh_after: text,
  read_only: boolean,
  restart: text,
  runtime: text,
  scale: textOrNumber,
  secrets: list,
  security_opt: names,
  shm_size: textOrNumber,
  stdin_open: boolean,
  stop_grace_period: text,
  stop_signal: text,
  storage_opt: map,
  sysctls: { type: ['object', 'array'] },
  tmpfs: textOrList,
  tty: boolean,
  ulimits: map,
  use_api_socket: boolean,
  user: textOrNumber,
  userns_mode: text,
  uts: text,
  volume_driver: text,
  volumes: { type: 'array', items: volume },
  volumes_from: names,
  working_dir: text,
};

const recipes = strict({ guix: text, nix: text, dockerfile: text });

/** The schema of a compose file, variables put in. */
export const composeSchema: Schema = {
  ...strict({
    configs: mapOrNull,
    include: { type: 'array', items: { type: ['string', 'object'] } },
    models: mapOrNull,
    name: text,
    networks: mapOrNull,
    secrets: mapOrNull,
    services: {
      type: ['object', 'null'],
      propertyNames: { pattern: '^[a-zA-Z0-9._-]+$' },
      additionalProperties: strict(serviceKeys),
    },
    version: textOrNumber,
    volumes: mapOrNull,
    'x-trimaran': { type: ['object', 'null'], additionalProperties: recipes },
  }),
};
