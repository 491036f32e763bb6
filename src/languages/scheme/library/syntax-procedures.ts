// Procedures on syntax objects, and `include`.
import { miscError, wrongType } from '../errors.ts';
import { boundEqual, type CoreForm, Macro, syntaxError, VariableTransformer } from '../expand.ts';
import { Module } from '../module.ts';
import { Reader } from '../reader.ts';
import {
  isIdentifier,
  type Place,
  placeOf,
  Syntax,
  sourcePlaces,
  stripSyntax,
  stxCar,
  stxDatum,
  stxList,
  TOP_WRAP,
  wrapValue,
} from '../syntax.ts';
import { datumToSyntax, generateTemporaries } from '../syntax-case.ts';
import {
  arrayToList,
  EOF,
  intern,
  list,
  listToArray,
  MString,
  MultipleValues,
  NIL,
  Pair,
  str,
  UNSPECIFIED,
  type Value,
} from '../values.ts';
import type { Definer } from './define.ts';

function id(who: string, x: Value, position = 1): Syntax {
  if (!isIdentifier(x)) throw wrongType(who, position, x, 'identifier');
  return x;
}

function placeToAlist(x: Value): Value {
  const place = placeOf(x);
  return place === undefined ? false : placeAlist(place);
}

function placeAlist(place: Place): Value {
  return list(
    new Pair(intern('filename'), str(place.file)),
    new Pair(intern('line'), place.line - 1),
    new Pair(intern('column'), place.column - 1),
  );
}

function includeForm(d: Definer): CoreForm {
  const { session } = d;
  const read = (form: Value): Value => {
    const { items } = stxList(form);
    const name = stxDatum(items[1]);
    if (!(name instanceof MString)) throw syntaxError({ message: 'bad include', form });
    const from = placeOf(form)?.file ?? session.currentFile ?? '';
    const directory = from.includes('/') ? from.slice(0, from.lastIndexOf('/') + 1) : '';
    const path = name.text.startsWith('/') ? name.text : `${directory}${name.text}`;
    session.readOther = true;
    const data =
      session.host.readFile(path) ??
      session.host.loadPath
        .map((folder) => session.host.readFile(`${folder}/${name.text}`))
        .find((found) => found !== undefined);
    if (data === undefined) throw miscError('include', 'file not found: ~S', [name]);
    const reader = new Reader(Buffer.from(data).toString('utf8'), {
      file: path,
      syntax: true,
      extensions: session.extensions,
    });
    const forms: Value[] = [];
    for (let next = reader.read(); next !== EOF; next = reader.read()) forms.push(next);
    const head = stxCar(form) as Syntax;
    return new Pair(
      session.expander.coreId('begin'),
      arrayToList(forms.map((next) => wrapValue(next, head.wrap, head.module))),
    );
  };
  return { expand: (expander, form) => expander.expand(read(form)), rewrite: read };
}

/** Procedures on syntax objects. */
export function defineSyntaxProcedures(d: Definer): void {
  const { expander } = d.session;
  d.pure('syntax?', 1, 1, (x) => x instanceof Syntax);
  d.pure('identifier?', 1, 1, isIdentifier);
  d.pure('syntax->datum', 1, 1, stripSyntax);
  d.pure('datum->syntax', 2, 4, (context, datum, ...options) => {
    if (context === false) return new Syntax(datum, { marks: null, substs: null }, d.session.currentModule);
    void options;
    return datumToSyntax(
      context instanceof Syntax ? context : new Syntax(context, TOP_WRAP, d.session.currentModule),
      datum,
    );
  });
  d.pure('generate-temporaries', 1, 1, generateTemporaries);
  d.pure('free-identifier=?', 2, 2, (a, b) =>
    expander.freeEqual(id('free-identifier=?', a), id('free-identifier=?', b, 2)),
  );
  d.pure('bound-identifier=?', 2, 2, (a, b) =>
    boundEqual(id('bound-identifier=?', a), id('bound-identifier=?', b, 2)),
  );
  d.pure('make-variable-transformer', 1, 1, (f) => new VariableTransformer(f));
  d.pure('syntax-violation', 3, 4, (who, message, form, subform = false) => {
    const error = syntaxError({
      message: message.text,
      form,
      subform: subform === false ? undefined : subform,
    });
    const payload = (error as Error & { payload: Value }).payload;
    const place = placeToAlist(subform);
    for (const part of listToArray(payload.fields[0])) {
      if (part.type.name.name !== '&exception-with-kind-and-args') continue;
      part.fields[1].car = stripSyntax(who);
      if (place !== false) part.fields[1].cdr.cdr.car = place;
    }
    throw error;
  });
  d.pure('syntax-source', 1, 1, placeToAlist);
  d.pure('syntax-sourcev', 1, 1, (x) => {
    const place = placeOf(x);
    return place === undefined ? false : [str(place.file), place.line - 1, place.column - 1];
  });
  d.pure('source-properties', 1, 1, (x) => {
    const place = x instanceof Pair ? sourcePlaces.get(x) : undefined;
    return place === undefined ? NIL : placeAlist(place);
  });
  d.pure('set-source-properties!', 2, 2, () => UNSPECIFIED);
  d.pure('source-property', 2, 2, (x, key) => {
    const place = x instanceof Pair ? sourcePlaces.get(x) : undefined;
    if (place === undefined) return false;
    return (
      { filename: str(place.file), line: place.line - 1, column: place.column - 1 }[key.name as 'line'] ??
      false
    );
  });
  d.pure('supports-source-properties?', 1, 1, (x) => x instanceof Pair);
  d.pure('current-source-location', 0, 0, () => false);
  d.pure('syntax-module', 1, 1, (x) => arrayToList(((x as Syntax).module ?? d.session.currentModule).name));
  d.pure('syntax-expression', 1, 1, (x) => x.datum);
  d.pure('syntax-local-binding', 1, 3, (x) => syntaxLocalBinding(d, x));
  d.value('include', new Macro({ name: 'include', kind: 'core', form: includeForm(d) }));
  d.value(
    'current-source-location',
    new Macro({
      name: 'current-source-location',
      kind: 'core',
      form: { expand: (_, form) => ({ kind: 'constant', value: placeToAlist(form) }) },
    }),
  );
  d.value(
    'current-filename',
    new Macro({
      name: 'current-filename',
      kind: 'core',
      form: {
        expand: (_, form) => {
          const file = placeOf(form)?.file;
          return { kind: 'constant', value: file === undefined ? false : str(file) };
        },
      },
    }),
  );
  d.pure('macroexpand', 1, 1, (x) => x);
  for (const name of [
    '...',
    '_',
    'else',
    '=>',
    'unquote',
    'unquote-splicing',
    'unsyntax',
    'unsyntax-splicing',
  ]) {
    d.value(
      name,
      new Macro({
        name,
        kind: 'transformer',
        transformer: (form: Value) => {
          throw syntaxError({ message: 'bad use of syntactic keyword', form });
        },
      }),
    );
  }
}

function syntaxLocalBinding(d: Definer, x: Value): Value {
  const binding = d.session.expander.resolve(id('syntax-local-binding', x));
  switch (binding.type) {
    case 'local':
      return new MultipleValues([intern('lexical'), intern(binding.variable.name)]);
    case 'macro':
      return binding.macro.kind === 'parameter'
        ? new MultipleValues([intern('syntax-parameter'), binding.macro])
        : new MultipleValues([intern('macro'), binding.macro.transformer ?? false]);
    case 'pattern':
      return new MultipleValues([intern('pattern-variable'), false]);
    case 'global': {
      const module = binding.module instanceof Module ? arrayToList(binding.module.name) : false;
      return new MultipleValues([intern('global'), new Pair(binding.name, module)]);
    }
    default:
      return new MultipleValues([intern('other'), false]);
  }
}
