// The thread that evaluates Scheme; see sets/evaluation-thread.ts.
import { setFlagsFromString } from 'node:v8';
import { serveEvaluation } from '../../sets/evaluation-thread.ts';
import { evaluateGuix } from './evaluate-request.ts';

// Most of an evaluator's code runs too rarely to be worth optimising before the evaluation is over.
setFlagsFromString('--interrupt-budget=1000000');
serveEvaluation(evaluateGuix);
