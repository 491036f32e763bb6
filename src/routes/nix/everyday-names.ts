// Names that people give to programs, and that neither Debian nor nixpkgs has for a package: letters that are near do
// not lead from `node` to `nodejs`, nor from a Python distribution to the set that has it.
const packages: Readonly<Record<string, string>> = {
  apache: 'apacheHttpd',
  httpd: 'apacheHttpd',
  java: 'jdk, or jre to run programs alone',
  latex: 'texlive',
  mysql: 'mariadb',
  node: 'nodejs',
  pip: 'python3-pip',
  pip3: 'python3-pip',
  postgres: 'postgresql',
  psql: 'postgresql',
  rabbitmq: 'rabbitmq-server',
  'redis-cli': 'redis',
  rust: 'rustc and cargo',
};
const absent = ['elasticsearch', 'kafka', 'mongo', 'mongodb', 'python2', 'terraform'];
const pythonDistributions =
  'asyncpg boto3 celery django fastapi flask jinja2 matplotlib numpy pandas pillow psycopg2 pydantic pyjwt pytest pyyaml redis-py requests scikit-learn scipy sqlalchemy starlette';

/**
 * What to write for an everyday name that a package set lacks, as a hint; undefined for any other name.
 *
 * @example
 * everydayName('node'); // 'of packages, did you mean nodejs?'
 */
export function everydayName(name: string): string | undefined {
  const known = Object.hasOwn(packages, name) ? packages[name] : undefined;
  if (known !== undefined) return `of packages, did you mean ${known}?`;
  if (absent.includes(name))
    return `Debian has no package of ${name}: build upon an image that has it, with \`fromImage\``;
  if (pythonDistributions.split(' ').includes(name))
    return `of Python, did you mean python3.withPackages (p: [ p.${name} ])?`;
  return undefined;
}
