// Builtins on lists.
import { compareValues } from '../compare.ts';
import { equalValues } from '../equality.ts';
import type { Interpreter } from '../interpreter.ts';
import { concatLists, joinLists } from '../lists.ts';
import { sortStable } from '../sort.ts';
import type { SymbolId } from '../symbols.ts';
import { attrsFromEntries, emptyList, type List, PrimOp, type Slot, type Value } from '../values.ts';
import type { Builtin } from './builtin.ts';

function anyOrAll(it: Interpreter, wanted: boolean): Builtin {
  const name = wanted ? 'any' : 'all';
  const inPredicate = `while evaluating the first argument passed to builtins.${name}`;
  const inList = `while evaluating the second argument passed to builtins.${name}`;
  const inResult = `while evaluating the return value of the function passed to builtins.${name}`;
  return {
    name: `__${name}`,
    arity: 2,
    call: (predicate, list) => {
      const fn = it.forceFunction(predicate, 0, inPredicate);
      const elements = it.forceList(list, 0, inList);
      for (let i = 0; i < elements.length; i++) {
        if (it.forceBool(it.call1(fn, elements[i]!, 0), 0, inResult) === wanted) return wanted;
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
        const elements = it.forceList(list, 0, 'while evaluating the second argument passed to builtins.map');
        if (elements.length === 0) return elements;
        it.forceFunction(fn, 0, 'while evaluating the first argument passed to builtins.map');
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
        const elements = it.forceList(
          list,
          0,
          'while evaluating the second argument passed to builtins.filter',
        );
        if (elements.length === 0) return elements;
        const predicate = it.forceFunction(
          fn,
          0,
          'while evaluating the first argument passed to builtins.filter',
        );
        const context =
          'while evaluating the return value of the filtering function passed to builtins.filter';
        const kept: List = [];
        for (let i = 0; i < elements.length; i++) {
          const element = elements[i]!;
          if (it.forceBool(it.call1(predicate, element, 0), 0, context)) kept.push(element);
        }
        return kept.length === elements.length ? elements : kept;
      },
    },
    {
      name: '__elem',
      arity: 2,
      call: (wanted, list) => {
        const elements = it.forceList(
          list,
          0,
          'while evaluating the second argument passed to builtins.elem',
        );
        for (let i = 0; i < elements.length; i++) if (equalValues(it, wanted, elements[i]!, 0)) return true;
        return false;
      },
    },
    {
      name: '__concatLists',
      arity: 1,
      call: (lists) =>
        concatLists(
          it,
          it.forceList(lists, 0, 'while evaluating the first argument passed to builtins.concatLists'),
          0,
          'while evaluating a value of the list passed to builtins.concatLists',
        ),
    },
    {
      name: '__length',
      arity: 1,
      call: (list) =>
        it.forceList(list, 0, 'while evaluating the first argument passed to builtins.length').length,
    },
    {
      name: "__foldl'",
      arity: 3,
      call: (op, start, list) => {
        const fn = it.forceFunction(
          op,
          0,
          'while evaluating the first argument passed to builtins.foldlStrict',
        );
        const elements = it.forceList(
          list,
          0,
          'while evaluating the third argument passed to builtins.foldlStrict',
        );
        let accumulator: Slot = start;
        for (let i = 0; i < elements.length; i++) accumulator = it.call2(fn, accumulator, elements[i]!, 0);
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
        // 2^27 elements are a gigabyte, of which V8 makes no array.
        if (count < 0 || count > 134217725) {
          throw it.error('eval', `cannot create list of size ${count}`);
        }
        it.forceFunction(fn, 0, 'while evaluating the first argument passed to builtins.genList');
        const result: List = new Array(Number(count));
        for (let i = 0; i < result.length; i++) result[i] = it.suspendCall(fn, i);
        return result;
      },
    },
    {
      name: '__partition',
      arity: 2,
      call: (fn, list) => {
        const predicate = it.forceFunction(
          fn,
          0,
          'while evaluating the first argument passed to builtins.partition',
        );
        const elements = it.forceList(
          list,
          0,
          'while evaluating the second argument passed to builtins.partition',
        );
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
        const grouping = it.forceFunction(
          fn,
          0,
          'while evaluating the first argument passed to builtins.groupBy',
        );
        const elements = it.forceList(
          list,
          0,
          'while evaluating the second argument passed to builtins.groupBy',
        );
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
        const mapping = it.forceFunction(
          fn,
          0,
          'while evaluating the first argument passed to builtins.concatMap',
        );
        const elements = it.forceList(
          list,
          0,
          'while evaluating the second argument passed to builtins.concatMap',
        );
        if (elements.length === 0) return emptyList;
        const lists: List[] = new Array(elements.length);
        for (let i = 0; i < lists.length; i++) {
          const result = it.call1(mapping, elements[i]!, 0);
          lists[i] = it.forceList(
            result,
            it.positionOf(result) || it.positionOf(fn),
            'while evaluating the return value of the function passed to builtins.concatMap',
          );
        }
        return joinLists(lists);
      },
    },
  ];
}
