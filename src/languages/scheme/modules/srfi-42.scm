;; SRFI 42: eager comprehensions. A generator is a macro that is given a continuation and hands it a :do form,
;;   (:do (let BINDINGS COMMAND ...) LOOP-BINDINGS GO-ON? (let INNER-BINDINGS COMMAND ...) AGAIN? (STEP ...)).
(define-module (srfi srfi-42)
  #:export (do-ec list-ec append-ec string-ec string-append-ec vector-ec vector-of-length-ec sum-ec product-ec
            min-ec max-ec any?-ec every?-ec first-ec last-ec fold-ec fold3-ec
            : :list :string :vector :integers :range :real-range :char-range :port :dispatched :do :let :parallel
            :while :until :generator-proc :-dispatch-ref :-dispatch-set! make-initial-:-dispatch dispatch-union))

(define-syntax do-ec
  (syntax-rules (nested if not and or begin)
    ((_ command) command)
    ((_ (nested q ...) rest ...) (do-ec q ... rest ...))
    ((_ (if test) rest ...) (if test (do-ec rest ...)))
    ((_ (not test) rest ...) (if (not test) (do-ec rest ...)))
    ((_ (and test ...) rest ...) (if (and test ...) (do-ec rest ...)))
    ((_ (or test ...) rest ...) (if (or test ...) (do-ec rest ...)))
    ((_ (begin form ...) rest ...) (begin form ... (do-ec rest ...)))
    ((_ (generator arg ...) rest ...) (generator (run-loop (do-ec rest ...)) arg ...))))

(define-syntax run-loop
  (syntax-rules (:do let)
    ((_ command (:do (let outer first ...) ((variable start) ...) go-on? (let inner each ...) again? (step ...)))
     (let outer
       first ...
       (let loop ((variable start) ...)
         (if go-on?
             (let inner
               each ...
               command
               (if again? (loop step ...)))))))))

(define-syntax :do
  (syntax-rules ()
    ((_ (continue ...) outer loop go-on? inner again? steps)
     (continue ... (:do outer loop go-on? inner again? steps)))
    ((_ continue loop go-on? steps) (:do continue (let ()) loop go-on? (let ()) #t steps))))

(define-syntax :let
  (syntax-rules (index)
    ((_ continue variable (index i) value)
     (:do continue (let ((variable value) (i 0))) () #t (let ()) #f ()))
    ((_ continue variable value) (:do continue (let ((variable value))) () #t (let ()) #f ()))))

(define-syntax :list
  (syntax-rules (index)
    ((_ continue variable (index i) arg ...)
     (:parallel continue (:list variable arg ...) (:integers i)))
    ((_ continue variable a b more ...) (:list continue variable (append a b more ...)))
    ((_ continue variable items)
     (:do continue (let ()) ((rest items)) (not (null? rest)) (let ((variable (car rest)))) #t ((cdr rest))))))

(define-syntax :string
  (syntax-rules (index)
    ((_ continue variable (index i) a b more ...)
     (:string continue variable (index i) (string-append a b more ...)))
    ((_ continue variable (index i) text)
     (:do continue (let ((s text) (end 0)) (set! end (string-length s)))
          ((i 0)) (< i end) (let ((variable (string-ref s i)))) #t ((+ i 1))))
    ((_ continue variable text ...) (:string continue variable (index i) text ...))))

(define (vectors-joined . vectors) (list->vector (apply append (map vector->list vectors))))
(define-syntax :vector
  (syntax-rules (index)
    ((_ continue variable (index i) a b more ...)
     (:vector continue variable (index i) (vectors-joined a b more ...)))
    ((_ continue variable (index i) items)
     (:do continue (let ((v items) (end 0)) (set! end (vector-length v)))
          ((i 0)) (< i end) (let ((variable (vector-ref v i)))) #t ((+ i 1))))
    ((_ continue variable items ...) (:vector continue variable (index i) items ...))))

(define-syntax :integers
  (syntax-rules (index)
    ((_ continue variable (index i)) (:do continue ((variable 0) (i 0)) #t ((+ variable 1) (+ i 1))))
    ((_ continue variable) (:do continue ((variable 0)) #t ((+ variable 1))))))

(define (check-range start end step)
  (unless (and (integer? start) (exact? start) (integer? end) (exact? end) (integer? step) (exact? step))
    (error "arguments of :range are not exact integers, use :real-range?" start end step))
  (when (zero? step) (error "step size must not be zero in :range")))
(define-syntax :range
  (syntax-rules (index)
    ((_ continue variable (index i) arg ...)
     (:parallel continue (:range variable arg ...) (:integers i)))
    ((_ continue variable end) (:range continue variable 0 end 1))
    ((_ continue variable start end) (:range continue variable start end 1))
    ((_ continue variable start end step)
     (:do continue (let ((a start) (b end) (s step)) (check-range a b s))
          ((variable a)) (if (< s 0) (> variable b) (< variable b)) (let ()) #t ((+ variable s))))))

(define-syntax :real-range
  (syntax-rules (index)
    ((_ continue variable (index i) end) (:real-range continue variable (index i) 0 end 1))
    ((_ continue variable (index i) start end) (:real-range continue variable (index i) start end 1))
    ((_ continue variable (index i) start end step)
     (:do continue
          (let ((a start) (b end) (s step) (count 0))
            (unless (and (real? a) (real? b) (real? s))
              (error "arguments of :real-range are not real" a b s))
            (when (and (exact? a) (not (and (exact? b) (exact? s)))) (set! a (exact->inexact a)))
            (set! count (/ (- b a) s)))
          ((i 0)) (< i count) (let ((variable (+ a (* i s))))) #t ((+ i 1))))
    ((_ continue variable arg ...) (:real-range continue variable (index i) arg ...))))

(define-syntax :char-range
  (syntax-rules (index)
    ((_ continue variable (index i) arg ...)
     (:parallel continue (:char-range variable arg ...) (:integers i)))
    ((_ continue variable start end)
     (:do continue (let ((last (char->integer end)))) ((code (char->integer start))) (<= code last)
          (let ((variable (integer->char code)))) #t ((+ code 1))))))

(define-syntax :port
  (syntax-rules (index)
    ((_ continue variable (index i) arg ...)
     (:parallel continue (:port variable arg ...) (:integers i)))
    ((_ continue variable port) (:port continue variable port read))
    ((_ continue variable port get)
     (:do continue (let ((p port) (next get)))
          ((variable (next p))) (not (eof-object? variable)) (let ()) #t ((next p))))))

(define-syntax :parallel
  (syntax-rules ()
    ((_ (continue ...)) (continue ... (:do (let ()) () #t (let ()) #t ())))
    ((_ continue (generator arg ...) more ...) (generator (parallel-rest continue (more ...)) arg ...))))
(define-syntax parallel-rest
  (syntax-rules ()
    ((_ (continue ...) () loop) (continue ... loop))
    ((_ continue ((generator arg ...) more ...) loop)
     (generator (parallel-join continue (more ...) loop) arg ...))))
(define-syntax parallel-join
  (syntax-rules (:do let)
    ((_ continue more
        (:do (let (outer1 ...) first1 ...) (loop1 ...) go-on1 (let (inner1 ...) each1 ...) again1 (step1 ...))
        (:do (let (outer2 ...) first2 ...) (loop2 ...) go-on2 (let (inner2 ...) each2 ...) again2 (step2 ...)))
     (parallel-rest continue more
       (:do (let (outer1 ... outer2 ...) first1 ... first2 ...) (loop1 ... loop2 ...) (and go-on1 go-on2)
            (let (inner1 ... inner2 ...) each1 ... each2 ...) (and again1 again2) (step1 ... step2 ...))))))

(define-syntax :while
  (syntax-rules ()
    ((_ continue (generator arg ...) test) (generator (while-test continue test) arg ...))))
(define-syntax while-test
  (syntax-rules (:do let)
    ((_ (continue ...) test
        (:do (let (outer ...) first ...) loop go-on? (let ((name value) ...) each ...) again? steps))
     (continue ... (:do (let (outer ... (name #f) ...) first ...) loop
                        (if go-on? (begin (set! name value) ... each ... test) #f)
                        (let ()) again? steps)))))
(define-syntax :until
  (syntax-rules ()
    ((_ continue (generator arg ...) test) (generator (until-test continue test) arg ...))))
(define-syntax until-test
  (syntax-rules (:do)
    ((_ (continue ...) test (:do outer loop go-on? inner again? steps))
     (continue ... (:do outer loop go-on? inner (and (not test) again?) steps)))))

;; A procedure that gives the next value each time, or its argument at the end.
(define-syntax :generator-proc
  (syntax-rules ()
    ((_ (generator arg ...)) (generator (generator-body value) value arg ...))))
(define-syntax generator-body
  (lambda (form)
    (syntax-case form ()
      ((_ value (_ (_ outer first ...) ((variable start) ...) go-on? (_ ((name inner) ...) each ...) again? (step ...)))
       (with-syntax (((next ...) (generate-temporaries #'(variable ...))))
         #'(let outer
             first ...
             (let ((variable start) ... (state 'new))
               (let ((name #f) ...)
                 (define (advance!)
                   (if again?
                       (call-with-values (lambda () (values step ...))
                         (lambda (next ...) (set! variable next) ...))
                       (set! state 'done)))
                 (lambda (at-end)
                   (when (eq? state 'going) (advance!))
                   (if (and (not (eq? state 'done)) go-on?)
                       (begin
                         (set! state 'going)
                         (set! name inner) ...
                         each ...
                         value)
                       (begin (set! state 'done) at-end)))))))))))

(define (check-generator generator arguments)
  (if (procedure? generator) generator (error "unrecognized arguments in dispatching" arguments)))
(define-syntax :dispatched
  (syntax-rules (index)
    ((_ continue variable (index i) dispatch arg ...)
     (:parallel continue (:dispatched variable dispatch arg ...) (:integers i)))
    ((_ continue variable dispatch arg ...)
     (:do continue
          (let ((arguments (list arg ...)) (end (list #f)) (next #f))
            (set! next (check-generator (dispatch arguments) arguments)))
          ((variable (next end))) (not (eq? variable end)) (let ()) #t ((next end))))))
(define-syntax :
  (syntax-rules (index)
    ((_ continue variable (index i) arg ...)
     (:dispatched continue variable (index i) (:-dispatch-ref) arg ...))
    ((_ continue variable arg ...) (:dispatched continue variable (:-dispatch-ref) arg ...))))

(define (make-initial-:-dispatch)
  (define (all? is? items) (and-map is? items))
  (define (exact-integers? items) (all? (lambda (x) (and (number? x) (exact? x) (integer? x))) items))
  (define (range-of items) (cond ((null? (cdr items)) (list 0 (car items) 1))
                                 ((null? (cddr items)) (append items '(1)))
                                 (else items)))
  (lambda (items)
    (let ((count (length items)))
      (cond ((zero? count) 'SRFI42)
            ((all? list? items) (let ((all (apply append items))) (:generator-proc (:list all))))
            ((all? string? items) (let ((all (string-concatenate items))) (:generator-proc (:string all))))
            ((all? vector? items) (let ((all (apply vectors-joined items))) (:generator-proc (:vector all))))
            ((and (<= count 3) (exact-integers? items))
             (let ((r (range-of items))) (:generator-proc (:range (car r) (cadr r) (caddr r)))))
            ((and (<= count 3) (all? real? items))
             (let ((r (range-of items))) (:generator-proc (:real-range (car r) (cadr r) (caddr r)))))
            ((and (= count 2) (all? char? items))
             (:generator-proc (:char-range (car items) (cadr items))))
            ((and (input-port? (car items)) (= count 1)) (:generator-proc (:port (car items))))
            ((and (= count 2) (input-port? (car items)) (procedure? (cadr items)))
             (:generator-proc (:port (car items) (cadr items))))
            (else #f)))))
(define current-dispatch (make-initial-:-dispatch))
(define (:-dispatch-ref) current-dispatch)
(define (:-dispatch-set! dispatch)
  (unless (procedure? dispatch) (error "not a procedure" dispatch))
  (set! current-dispatch dispatch))
(define (dispatch-union a b)
  (lambda (items)
    (let ((first (a items)) (second (b items)))
      (if (null? items)
          (append (if (list? first) first (list first)) (if (list? second) second (list second)))
          (if (and first second (procedure? first) (procedure? second))
              (error "dispatching conflict" items (a '()) (b '()))
              (or first second))))))

(define-syntax-rule (fold3-ec default q ... expression first next)
  (let ((result #f) (none? #t))
    (do-ec q ... (let ((value expression))
                   (if none?
                       (begin (set! result (first value)) (set! none? #f))
                       (set! result (next value result)))))
    (if none? default result)))
(define-syntax-rule (fold-ec start q ... expression next)
  (let ((result start))
    (do-ec q ... (set! result (next expression result)))
    result))
(define-syntax-rule (list-ec q ... expression) (reverse! (fold-ec '() q ... expression cons)))
(define-syntax-rule (append-ec q ... expression) (apply append (list-ec q ... expression)))
(define-syntax-rule (string-ec q ... expression) (list->string (list-ec q ... expression)))
(define-syntax-rule (string-append-ec q ... expression) (string-concatenate (list-ec q ... expression)))
(define-syntax-rule (vector-ec q ... expression) (list->vector (list-ec q ... expression)))
(define-syntax-rule (vector-of-length-ec k q ... expression)
  (let* ((length k) (v (make-vector length)) (at 0))
    (do-ec q ... (if (< at length)
                     (begin (vector-set! v at expression) (set! at (+ at 1)))
                     (error "vector is too short for the comprehension")))
    (if (= at length) v (error "vector is too long for the comprehension"))))
(define-syntax-rule (sum-ec q ... expression) (fold-ec 0 q ... expression +))
(define-syntax-rule (product-ec q ... expression) (fold-ec 1 q ... expression *))
(define-syntax-rule (min-ec q ... expression) (fold3-ec (min) q ... expression min min))
(define-syntax-rule (max-ec q ... expression) (fold3-ec (max) q ... expression max max))
(define-syntax-rule (last-ec default q ... expression) (fold-ec default q ... expression (lambda (value _) value)))
(define-syntax-rule (first-ec default q ... expression)
  (call-with-escape-continuation
   (lambda (return)
     (do-ec q ... (return expression))
     default)))
(define-syntax-rule (any?-ec q ... expression) (first-ec #f q ... (if expression) #t))
(define-syntax-rule (every?-ec q ... expression) (first-ec #t q ... (if (not expression)) #f))
