;; Derived forms and procedures of (guile) that are clearer in Scheme than in TypeScript.

(define-syntax define-syntax-rule
  (lambda (form)
    (syntax-case form ()
      ((_ (name . pattern) docstring template)
       (string? (syntax->datum #'docstring))
       #'(define-syntax name (syntax-rules () ((_ . pattern) template))))
      ((_ (name . pattern) template)
       #'(define-syntax name (syntax-rules () ((_ . pattern) template)))))))

(define-syntax define*
  (syntax-rules ()
    ((_ (name . formals) body ...) (define name (lambda* formals body ...)))
    ((_ name value) (define name value))))

(define-syntax define-public
  (syntax-rules ()
    ((_ (name . formals) body ...)
     (begin (define (name . formals) body ...) (%export-defined name)))
    ((_ name value) (begin (define name value) (export name)))))

(define-syntax %export-defined
  (syntax-rules ()
    ((_ (name . more)) (%export-defined name))
    ((_ name) (export name))))

(define-syntax define*-public
  (syntax-rules ()
    ((_ (name . formals) body ...)
     (begin (define* (name . formals) body ...) (export name)))
    ((_ name value) (begin (define name value) (export name)))))

(define-syntax define-private
  (syntax-rules () ((_ spec body ...) (define spec body ...))))

(define-syntax defmacro
  (syntax-rules ()
    ((_ name args body ...) (define-macro (name . args) body ...))))

(define-syntax define-macro
  (lambda (form)
    (syntax-case form ()
      ((_ (name . args) body ...)
       #'(define-macro name (lambda args body ...)))
      ((_ name transformer)
       #'(define-syntax name
           (let ((expand transformer))
             (lambda (use)
               (syntax-case use ()
                 ((id . operands)
                  (datum->syntax #'id (apply expand (syntax->datum #'operands))))))))))))

(define-syntax parameterize
  (syntax-rules ()
    ((_ () body ...) (let () body ...))
    ((_ ((parameter value) ...) body ...)
     (%parameterize (list parameter ...) (list value ...) (lambda () body ...)))))

(define-syntax with-fluids
  (syntax-rules ()
    ((_ ((fluid value) ...) body ...)
     (with-fluids* (list fluid ...) (list value ...) (lambda () body ...)))))

(define-syntax fluid-let
  (lambda (form)
    (syntax-case form ()
      ((_ ((name value) ...) body ...)
       (with-syntax (((new ...) (generate-temporaries #'(name ...)))
                     ((old ...) (generate-temporaries #'(name ...))))
         #'(let ((new value) ... (old #f) ...)
             (dynamic-wind
               (lambda () (set! old name) ... (set! name new) ...)
               (lambda () body ...)
               (lambda () (set! new name) ... (set! name old) ...))))))))

(define-syntax while
  (lambda (form)
    (syntax-case form ()
      ((keyword condition body ...)
       (with-syntax ((break (datum->syntax #'keyword 'break))
                     (continue (datum->syntax #'keyword 'continue)))
         #'(let ((break-tag (make-prompt-tag "break"))
                 (continue-tag (make-prompt-tag "continue")))
             (call-with-prompt
              break-tag
              (lambda ()
                (let ((break (lambda results (apply abort-to-prompt break-tag results))))
                  (let loop ()
                    (if (call-with-prompt
                         continue-tag
                         (lambda ()
                           (let ((continue (lambda () (abort-to-prompt continue-tag))))
                             (if condition (begin body ... #t) #f)))
                         (lambda (k) #t))
                        (loop)
                        #f))))
              (case-lambda ((k) #t) ((k result) result) ((k . results) (apply values results))))))))))

(define-syntax case-lambda/values (syntax-rules () ((_ x) x)))

(define-syntax and=>*
  (syntax-rules () ((_ value procedure) (and=> value procedure))))

(define-syntax delay-force
  (syntax-rules () ((_ expression) (make-promise-lazy (force expression)))))

(define-syntax let/ec
  (syntax-rules () ((_ k body ...) (call-with-escape-continuation (lambda (k) body ...)))))

(define-syntax assert
  (lambda (form)
    (syntax-case form ()
      ((_ expression) #'(or expression (%assertion-failed 'expression))))))

(define-syntax define-inlinable
  (syntax-rules ()
    ((_ (name . formals) body ...) (define (name . formals) body ...))))

(define-syntax begin-deprecated
  (syntax-rules () ((_ form ...) (begin form ...))))

(define-syntax define-once
  (syntax-rules ()
    ((_ name value)
     (define name (if (defined? 'name) name value)))))

(define-syntax eval-case
  (syntax-rules () ((_ ignored ...) (begin ignored ...))))

(define-syntax add-to-load-path
  (syntax-rules ()
    ((_ directory) (set! %load-path (cons directory %load-path)))))

(define-syntax include-from-path
  (lambda (form)
    (syntax-case form ()
      ((_ file) #'(include file)))))

(define-syntax receive
  (syntax-rules ()
    ((_ formals expression body ...)
     (call-with-values (lambda () expression) (lambda formals body ...)))))

(define-syntax define-values
  (lambda (form)
    (syntax-case form ()
      ((_ () expression) #'(define unused (call-with-values (lambda () expression) (lambda () #f))))
      ((_ (name ...) expression)
       (with-syntax (((temporary ...) (generate-temporaries #'(name ...))))
         #'(begin
             (define name) ...
             (define unused
               (call-with-values (lambda () expression)
                 (lambda (temporary ...) (set! name temporary) ...))))))
      ((_ (name ... . rest) expression)
       (with-syntax (((temporary ...) (generate-temporaries #'(name ...))))
         #'(begin
             (define name) ...
             (define rest)
             (define unused
               (call-with-values (lambda () expression)
                 (lambda (temporary ... . others)
                   (set! name temporary) ...
                   (set! rest others)))))))
      ((_ name expression)
       #'(define name (call-with-values (lambda () expression) list))))))

(define (and=> value procedure) (and value (procedure value)))
(define (identity x) x)
(define (const value) (lambda arguments value))
(define (negate predicate) (lambda arguments (not (apply predicate arguments))))
(define (compose f . more)
  (if (null? more)
      f
      (let ((rest (apply compose more)))
        (lambda arguments
          (call-with-values (lambda () (apply rest arguments)) f)))))
(define (noop . arguments) #f)
(define (%assertion-failed expression)
  (scm-error 'assertion-failed #f "assertion failed: ~S" (list expression) #f))

(define (call-with-output-string procedure)
  (let ((port (open-output-string)))
    (procedure port)
    (get-output-string port)))
(define (with-output-to-string thunk)
  (let ((port (open-output-string)))
    (with-output-to-port port thunk)
    (get-output-string port)))
(define (with-output-to-port port thunk)
  (parameterize ((current-output-port port)) (thunk)))
(define (with-error-to-port port thunk)
  (parameterize ((current-error-port port)) (thunk)))
(define (with-input-from-port port thunk)
  (parameterize ((current-input-port port)) (thunk)))
(define (with-input-from-string text thunk)
  (parameterize ((current-input-port (open-input-string text))) (thunk)))
(define (with-error-to-string thunk)
  (let ((port (open-output-string)))
    (with-error-to-port port thunk)
    (get-output-string port)))
(define (call-with-input-string text procedure) (procedure (open-input-string text)))
(define* (call-with-input-file file procedure #:key (binary #f) (encoding #f) (guess-encoding #f))
  (let ((port (open-input-file file #:binary binary)))
    (call-with-values (lambda () (procedure port))
      (lambda results (close-port port) (apply values results)))))
(define* (call-with-output-file file procedure #:key (binary #f) (encoding #f))
  (let ((port (open-output-file file #:binary binary)))
    (call-with-values (lambda () (procedure port))
      (lambda results (close-port port) (apply values results)))))
(define* (with-input-from-file file thunk #:key (binary #f) (encoding #f) (guess-encoding #f))
  (call-with-input-file file (lambda (port) (with-input-from-port port thunk)) #:binary binary))
(define* (with-output-to-file file thunk #:key (binary #f) (encoding #f))
  (call-with-output-file file (lambda (port) (with-output-to-port port thunk)) #:binary binary))
(define (call-with-port port procedure)
  (call-with-values (lambda () (procedure port))
    (lambda results (close-port port) (apply values results))))

(define (vector-map f vector . more)
  (list->vector (apply map f (vector->list vector) (map vector->list more))))
(define (vector-for-each f vector . more)
  (apply for-each f (vector->list vector) (map vector->list more)))
(define (array-for-each f vector) (vector-for-each f vector))

(define (false-if-exception-thunk thunk)
  (catch #t thunk (lambda arguments #f)))
(define-syntax false-if-exception
  (syntax-rules ()
    ((_ expression ignored ...) (false-if-exception-thunk (lambda () expression)))))

(define (call-with-unlocked-mutex mutex thunk) (thunk))
(define (raise-continuable exception) (%raise-continuable exception))
(define (file-name-predicate . arguments) #f)
(define (symbol-property symbol key) #f)
(define (warn . arguments)
  (let ((port (current-error-port)))
    (display ";;; WARNING " port)
    (for-each (lambda (item) (display item port) (display " " port)) arguments)
    (newline port)))
(define (issue-deprecation-warning . messages) #f)
(define (compile-time-only . arguments) #f)
(define (make-mutable-parameter value) (make-parameter value))

(define-syntax and-let*
  (lambda (form)
    (syntax-case form ()
      ((_ ()) #'#t)
      ((_ () body ...) #'(let () body ...))
      ((_ ((expression)) ) #'expression)
      ((_ ((name expression))) #'(let ((name expression)) name))
      ((_ ((expression) . rest) . body) #'(if expression (and-let* rest . body) #f))
      ((_ ((name expression) . rest) . body)
       #'(let ((name expression)) (if name (and-let* rest . body) #f)))
      ((_ (name)) (identifier? #'name) #'name)
      ((_ (name . rest) . body)
       (identifier? #'name)
       #'(if name (and-let* rest . body) #f)))))

(define-syntax cond-expand
  (lambda (form)
    (define (holds? requirement)
      (syntax-case requirement (and or not library else)
        (else #t)
        ((and r ...) (and-map holds? #'(r ...)))
        ((or r ...) (or-map holds? #'(r ...)))
        ((not r) (not (holds? #'r)))
        ((library name) (and (resolve-module (syntax->datum #'name) #:ensure #f) #t))
        (name (identifier? #'name)
              (memq (syntax->datum #'name)
                    '(guile guile-2 guile-2.2 guile-3 guile-3.0 r5rs r6rs r7rs full-unicode ratios exact-closed
                      srfi-0 srfi-2 srfi-4 srfi-6 srfi-13 srfi-14 srfi-16 srfi-23 srfi-30 srfi-39 srfi-46
                      srfi-55 srfi-61 srfi-62 srfi-87 srfi-105)))
        (other #f)))
    (syntax-case form ()
      ((_ (requirement body ...) rest ...)
       (let ((is-else (and (identifier? #'requirement) (eq? (syntax->datum #'requirement) 'else))))
         (if (or is-else (holds? #'requirement))
             #'(begin body ...)
             #'(cond-expand rest ...))))
      ((_) #'(begin)))))

(define-syntax endianness
  (lambda (form)
    (syntax-case form ()
      ((_ kind) (memq (syntax->datum #'kind) '(big little)) #''kind))))

(define-syntax getter-with-setter-syntax (syntax-rules () ((_ g s) (make-procedure-with-setter g s))))
(define (getter-with-setter getter setter) (make-procedure-with-setter getter setter))
(define (unget-char port char) (unread-char char port))
(define (unget-string port text) (unread-string text port))

(define* (read-delimited delimiters #:optional (port (current-input-port)) (handle 'trim))
  (let ((stop? (if (char-set? delimiters)
                   (lambda (c) (char-set-contains? delimiters c))
                   (let ((set (string->char-set delimiters))) (lambda (c) (char-set-contains? set c))))))
    (let loop ((chars '()))
      (let ((c (peek-char port)))
        (cond ((eof-object? c)
               (let ((text (list->string (reverse chars))))
                 (case handle
                   ((split) (cons (if (null? chars) c text) c))
                   (else (if (null? chars) c text)))))
              ((stop? c)
               (unless (eq? handle 'peek) (read-char port))
               (let ((text (list->string (reverse chars))))
                 (case handle
                   ((concat) (string-append text (string c)))
                   ((split) (cons text c))
                   (else text))))
              (else (loop (cons (read-char port) chars))))))))
(define* (read-string #:optional (port (current-input-port)) (count #f))
  (cond ((port? port)
         (if count
             (let ((text (get-string-n port count))) (if (eof-object? text) text text))
             (get-string-all port)))
        (else (get-string-n count port))))
(define (read-string! . ignored) (scm-error 'unsupported #f "not supported: read-string!" '() #f))
(define (read-line! . ignored) (scm-error 'unsupported #f "not supported: read-line!" '() #f))
(define (read-delimited! . ignored) (scm-error 'unsupported #f "not supported: read-delimited!" '() #f))
(define* (write-line value #:optional (port (current-output-port)))
  (display value port)
  (newline port))
;; Hooks: a list of procedures in a box.
(define %hook (make-record-type 'hook '(arity procedures)))
(define hook-procedures (record-accessor %hook 'procedures))
(define set-hook-procedures! (record-modifier %hook 'procedures))
(define* (make-hook #:optional (arity 0)) ((record-constructor %hook) arity '()))
(define hook? (record-predicate %hook))
(define (hook->list hook) (hook-procedures hook))
(define (hook-empty? hook) (null? (hook-procedures hook)))
(define* (add-hook! hook procedure #:optional append?)
  (let ((others (delq procedure (hook-procedures hook))))
    (set-hook-procedures! hook (if append? (append others (list procedure)) (cons procedure others)))))
(define (remove-hook! hook procedure) (set-hook-procedures! hook (delq procedure (hook-procedures hook))))
(define (reset-hook! hook) (set-hook-procedures! hook '()))
(define (run-hook hook . arguments)
  (for-each (lambda (procedure) (apply procedure arguments)) (hook-procedures hook)))
(define exit-hook (make-hook 0))
(define after-gc-hook (make-hook 0))
(define %default-port-conversion-strategy (make-fluid 'substitute))
(define %default-port-encoding (make-fluid "UTF-8"))
(define default-port-encoding (fluid->parameter %default-port-encoding))
(define %file-port-name-canonicalization (make-fluid #f))
(define %stacks (make-fluid #f))
(define %random-state (make-fluid #f))
(define *random-state* #f)
(define (seed->random-state . ignored) #f)
(define (random-state-from-platform) #f)
(define (call-with-blocked-asyncs thunk) (thunk))
(define (nproc . ignored) 1)
(define (make-guardian) (lambda ignored #f))
(define (gc-stats) '())
(define (record-type-constructor type) (record-constructor type))
(define (->bool x) (not (not x)))
(define (set-exception-printer! key procedure) #f)
(define (exception-printer . ignored) #f)
(define (print-exception port frame key args)
  (simple-format port "Throw to key `~a' with args `~s'.\n" key args))
(define (display-error frame port subr message args rest) (simple-format port "ERROR: ~a ~s\n" message args))
;; Programs that bind C libraries load; what they bound refuses to be called (see (system foreign)).
(define (dynamic-link . ignored) 'library)
(define (dynamic-func . ignored) '(pointer . 0))
(define (dynamic-pointer . ignored) '(pointer . 0))
(define object-properties-table (make-weak-key-hash-table))
(define (object-properties object) (hashq-ref object-properties-table object '()))
(define (object-property object key) (assq-ref (object-properties object) key))
(define (set-object-property! object key value)
  (hashq-set! object-properties-table object (assq-set! (object-properties object) key value))
  value)
