// Builtins on lists.
import { compareValues } from '../compare.ts';
import { equalValues } from '../equality.ts';
import type { Interpreter } from '../interpreter.ts';
import { concatLists } from '../lists.ts';
import { sortStable } from '../sort.ts';
import type { SymbolId } from '../symbols.ts';
import { attrsFromEntries, emptyList, type List, PrimOp, type Slot, type Value } from '../values.ts';
import type { Builtin } from './builtin.ts';

function anyOrAll(it: Interpreter, wanted: boolean): Builtin {
  const name = wanted ? 'any' : 'all';
  return {
    name: `__${name}`,
    arity: 2,
    call: (predicate, list) => {
      const fn = it.forceFunction(
        predicate,
        0,
        `while evaluating the first argument passed to builtins.${name}`,
      );
      const elements = it.forceList(
        list,
        0,
        `while evaluating the second argument passed to builtins.${name}`,
      );
      for (const element of elements) {
        const result = it.forceBool(
          it.call1(fn, element, 0),
          0,
          `while evaluating the return value of the function passed to builtins.${name}`,
        );
        if (result === wanted) return wanted;
      }
      return !wanted;
    },
  };
}

function sort(it: Interpreter, comparator: Slot, list: Slot): Value {
  const elements = it.forceList(list, 0, 'while evaluating the second argument passed to builtins.sort');
  if (elements.length === 0) return elements;
  const fn = it.forceFunction(comparator, 0, 'while evaluating the first argument passed to builtins.sort');
  for (const element of elements) it.force(element, 0);
  const isLessThan = fn instanceof PrimOp && fn.name === 'lessThan';
  const before = (a: Slot, b: Slot): boolean =>
    isLessThan
      ? compareValues(
          it,
          it.force(a, 0),
          it.force(b, 0),
          'while evaluating the ordering function passed to builtins.sort',
        )
      : it.forceBool(
          it.call2(fn, a, b, 0),
          0,
          'while evaluating the return value of the sorting function passed to builtins.sort',
        );
  return sortStable(elements, before);
}

export function listBuiltins(it: Interpreter): Builtin[] {
  const functionArg = (slot: Slot, which: string, builtin: string): Value =>
    it.forceFunction(slot, 0, `while evaluating the ${which} argument passed to builtins.${builtin}`);
  const listArg = (slot: Slot, which: string, builtin: string): List =>
    it.forceList(slot, 0, `while evaluating the ${which} argument passed to builtins.${builtin}`);
  return [
    anyOrAll(it, true),
    anyOrAll(it, false),
    { name: '__sort', arity: 2, call: (comparator, list) => sort(it, comparator, list) },
    {
      name: '__elemAt',
      arity: 2,
      call: (list, index) => {
        const n = it.forceInteger(
          index,
          0,
          "while evaluating the second argument passed to 'builtins.elemAt'",
        );
        const elements = it.forceList(
          list,
          0,
          "while evaluating the first argument passed to 'builtins.elemAt'",
        );
        const element = n >= 0 ? elements[Number(n)] : undefined;
        if (element === undefined) {
          throw it.error(
            'eval',
            `'builtins.elemAt' called with index ${n} on a list of size ${elements.length}`,
          );
        }
        return it.force(element, 0);
      },
    },
    {
      name: '__head',
      arity: 1,
      call: (list) => {
        const elements = it.forceList(
          list,
          0,
          "while evaluating the first argument passed to 'builtins.head'",
        );
        if (elements.length === 0) throw it.error('eval', "'builtins.head' called on an empty list");
        return it.force(elements[0]!, 0);
      },
    },
    {
      name: '__tail',
      arity: 1,
      call: (list) => {
        const elements = it.forceList(
          list,
          0,
          "while evaluating the first argument passed to 'builtins.tail'",
        );
        if (elements.length === 0) throw it.error('eval', "'builtins.tail' called on an empty list");
        return elements.slice(1);
      },
    },
    {
      name: 'map',
      arity: 2,
      call: (fn, list) => {
        const elements = listArg(list, 'second', 'map');
        if (elements.length === 0) return elements;
        functionArg(fn, 'first', 'map');
        const count = elements.length;
        const result: List = new Array(count);
        for (let i = 0; i < count; i++) result[i] = it.suspendCall(fn, elements[i]!);
        return result;
      },
    },
    {
      name: '__filter',
      arity: 2,
      call: (fn, list) => {
        const elements = listArg(list, 'second', 'filter');
        if (elements.length === 0) return elements;
        const predicate = functionArg(fn, 'first', 'filter');
        const context =
          'while evaluating the return value of the filtering function passed to builtins.filter';
        const kept = elements.filter((element) => it.forceBool(it.call1(predicate, element, 0), 0, context));
        return kept.length === elements.length ? elements : kept;
      },
    },
    {
      name: '__elem',
      arity: 2,
      call: (wanted, list) =>
        listArg(list, 'second', 'elem').some((element) => equalValues(it, wanted, element, 0)),
    },
    {
      name: '__concatLists',
      arity: 1,
      call: (lists) =>
        concatLists(
          it,
          listArg(lists, 'first', 'concatLists'),
          0,
          'while evaluating a value of the list passed to builtins.concatLists',
        ),
    },
    { name: '__length', arity: 1, call: (list) => listArg(list, 'first', 'length').length },
    {
      name: "__foldl'",
      arity: 3,
      call: (op, start, list) => {
        const fn = functionArg(op, 'first', 'foldlStrict');
        const elements = listArg(list, 'third', 'foldlStrict');
        let accumulator: Slot = start;
        for (const element of elements) accumulator = it.call2(fn, accumulator, element, 0);
        return it.force(accumulator, 0);
      },
    },
    {
      name: '__genList',
      arity: 2,
      call: (fn, length) => {
        const count = it.forceInteger(
          length,
          0,
          'while evaluating the second argument passed to builtins.genList',
        );
        if (count < 0 || count > 4294967295) {
          throw it.error('eval', `cannot create list of size ${count}`);
        }
        functionArg(fn, 'first', 'genList');
        const result: List = new Array(Number(count));
        for (let i = 0; i < result.length; i++) result[i] = it.suspendCall(fn, i);
        return result;
      },
    },
    {
      name: '__partition',
      arity: 2,
      call: (fn, list) => {
        const predicate = functionArg(fn, 'first', 'partition');
        const elements = listArg(list, 'second', 'partition');
        const right: List = [];
        const wrong: List = [];
        for (const element of elements) {
          it.force(element, 0);
          const isRight = it.forceBool(
            it.call1(predicate, element, 0),
            0,
            'while evaluating the return value of the partition function passed to builtins.partition',
          );
          (isRight ? right : wrong).push(element);
        }
        return attrsFromEntries([
          [it.symbols.intern('right'), right],
          [it.symbols.intern('wrong'), wrong],
        ]);
      },
    },
    {
      name: '__groupBy',
      arity: 2,
      call: (fn, list) => {
        const grouping = functionArg(fn, 'first', 'groupBy');
        const elements = listArg(list, 'second', 'groupBy');
        const groups = new Map<SymbolId, List>();
        for (const element of elements) {
          const name = it.forceStringNoContext(
            it.call1(grouping, element, 0),
            0,
            'while evaluating the return value of the grouping function passed to builtins.groupBy',
          );
          const symbol = it.symbols.intern(name);
          const group = groups.get(symbol);
          if (group === undefined) groups.set(symbol, [element]);
          else group.push(element);
        }
        return attrsFromEntries(groups);
      },
    },
    {
      name: '__concatMap',
      arity: 2,
      call: (fn, list) => {
        const mapping = functionArg(fn, 'first', 'concatMap');
        const elements = listArg(list, 'second', 'concatMap');
        if (elements.length === 0) return emptyList;
        const lists = elements.map((element) => {
          const result = it.call1(mapping, element, 0);
          return it.forceList(
            result,
            it.positionOf(result) || it.positionOf(fn),
            'while evaluating the return value of the function passed to builtins.concatMap',
          );
        });
        return ([] as List).concat(...lists);
      },
    },
  ];
}
