// What services name beside files: other services, networks, volumes, configs and secrets of the project. Compose refuses
// a name that nothing declares; so does this, at its place.
import { type Span, TrimaranError } from '../foundation/error.ts';
import { didYouMean } from '../foundation/nearest.ts';
import { type ConfigMap, type ConfigNode, childOf, scalarText } from './config-node.ts';
import { parseVolume } from './short-forms.ts';

interface Use {
  readonly name: string;
  readonly span: Span;
}

/** Checks a merged project. Throws `compose/undefined` with the nearest names. */
export function checkReferences(root: ConfigMap): void {
  const services = childOf(root, 'services');
  if (services?.kind !== 'map') return;
  // The first format declares neither volumes nor networks.
  const isFirst = scalarText(childOf(root, 'version')) === '1';
  const names = (section: string) => {
    const map = childOf(root, section);
    return new Set(map?.kind === 'map' ? map.entries.keys() : []);
  };
  const serviceNames = new Set(services.entries.keys());
  for (const [name, { value: service }] of services.entries) {
    const check = (kind: string, uses: readonly Use[], known: ReadonlySet<string>) => {
      for (const use of uses) if (!known.has(use.name)) throw undefinedName(name, { kind, use, known });
    };
    check('service', servicesOf(service), serviceNames);
    if (isFirst) continue;
    check('network', keysOrItems(childOf(service, 'networks')), new Set([...names('networks'), 'default']));
    check('volume', volumesOf(service), names('volumes'));
    check('config', sourcesOf(childOf(service, 'configs')), names('configs'));
    check('secret', sourcesOf(childOf(service, 'secrets')), names('secrets'));
  }
}

function undefinedName(
  service: string,
  { kind, use, known }: { readonly kind: string; readonly use: Use; readonly known: ReadonlySet<string> },
): TrimaranError {
  const candidates = [...known].filter((name) => name !== 'default');
  const declared = candidates.length === 0 ? '' : `; there are ${candidates.join(', ')}`;
  return new TrimaranError({
    code: 'compose/undefined',
    message: `service \`${service}\` names the ${kind} \`${use.name}\`, which is not there`,
    span: use.span,
    hint:
      didYouMean(use.name, candidates) ??
      (kind === 'service'
        ? `add it to \`services:\`${declared}`
        : `declare it: \`${kind}s: { ${use.name}: {} }\` at the top of the file${declared}`),
  });
}

/** Names of `depends_on`, `links`, `volumes_from`, and of modes such as `service:db`. */
function servicesOf(service: ConfigNode): Use[] {
  const depends = childOf(service, 'depends_on');
  const uses = keysOrItems(depends).filter(
    ({ name }) => scalarText(childOf(childOf(depends, name), 'required')) !== 'false',
  );
  for (const { name, span } of keysOrItems(childOf(service, 'links')))
    uses.push({ name: name.split(':', 1)[0]!, span });
  for (const { name, span } of keysOrItems(childOf(service, 'volumes_from'))) {
    if (!name.startsWith('container:')) uses.push({ name: name.split(':', 1)[0]!, span });
  }
  for (const key of ['network_mode', 'ipc', 'pid']) {
    const node = childOf(service, key);
    const name = /^service:(.+)$/.exec(scalarText(node) ?? '')?.[1];
    if (node !== undefined && name !== undefined) uses.push({ name, span: node.span });
  }
  return uses;
}

function volumesOf(service: ConfigNode): Use[] {
  const volumes = childOf(service, 'volumes');
  return (volumes?.kind === 'list' ? volumes.items : []).flatMap((item) => {
    const volume = parseVolume(item);
    const isNamed = volume?.type === 'volume' && volume.source !== undefined && volume.source !== '';
    return isNamed ? [{ name: volume.source!, span: item.span }] : [];
  });
}

function keysOrItems(node: ConfigNode | undefined): Use[] {
  if (node?.kind === 'map') return [...node.entries].map(([name, { keySpan }]) => ({ name, span: keySpan }));
  if (node?.kind !== 'list') return [];
  return node.items.flatMap((item) => {
    const name = scalarText(item);
    return name === undefined ? [] : [{ name, span: item.span }];
  });
}

/** Short and long forms of `configs` and `secrets`. */
function sourcesOf(node: ConfigNode | undefined): Use[] {
  return (node?.kind === 'list' ? node.items : []).flatMap((item) => {
    const source = item.kind === 'map' ? childOf(item, 'source') : item;
    const name = scalarText(source);
    return name === undefined ? [] : [{ name, span: source!.span }];
  });
}
