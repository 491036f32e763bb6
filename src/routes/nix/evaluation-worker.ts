// The thread that evaluates Nix; see sets/evaluation-thread.ts.
import { serveEvaluation } from '../../sets/evaluation-thread.ts';
import { evaluate } from './evaluate-request.ts';

serveEvaluation(evaluate);
