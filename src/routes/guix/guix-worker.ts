// The thread that evaluates Scheme; see sets/evaluation-thread.ts.
import { serveEvaluation } from '../../sets/evaluation-thread.ts';
import { evaluateGuix } from './evaluate-request.ts';

serveEvaluation(evaluateGuix);
