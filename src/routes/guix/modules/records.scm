;; Records whose constructors name their fields: (package (name "x") (version "1")). Fields may refer to the ones
;; before them; a record may inherit from another one; fields may be thunked, delayed, innate or have a default.
(define-module (guix records)
  #:use-module (srfi srfi-1)
  #:export (define-record-type* this-record %make-fields %construct %field-value))

(define-syntax-parameter this-record
  (lambda (s)
    (syntax-violation 'this-record "outside of a record's definition" s)))

;; At run time a field is #(name kind default-thunk innate? sanitize).
;; The macro's variables have names of their own: options are recognised by names that nothing binds here.
(define-syntax %field
  (lambda (s)
    (syntax-case s ()
      ((_ name option ...)
       (let loop ((options #'(option ...)) (kind #''plain) (make #'#f) (own? #'#f) (check #'#f))
         (syntax-case options (default thunked delayed innate sanitize)
           (() #`(vector 'name #,kind #,make #,own? #,check))
           (((default value) . rest) (loop #'rest kind #'(lambda () value) own? check))
           (((thunked) . rest) (loop #'rest #''thunked make own? check))
           (((delayed) . rest) (loop #'rest #''delayed make own? check))
           (((innate) . rest) (loop #'rest kind make #'#t check))
           (((sanitize f) . rest) (loop #'rest kind make own? #'f))
           ((_ . rest) (loop #'rest kind make own? check))))))))

(define-syntax-rule (%make-fields (name option ...) ...)
  (list (%field name option ...) ...))

(define (given-or-default field base-value given)
  (define name (vector-ref field 0))
  (cond ((assq name given) => cdr)
        ((and base-value (not (vector-ref field 3))) (base-value name))
        (else
         (let ((value ((vector-ref field 2))))
           (case (vector-ref field 1)
             ((thunked) (lambda (self) value))
             ((delayed) (delay value))
             (else value))))))

(define (%construct make fields base-value given)
  (apply make
         (map (lambda (field)
                (let ((value (given-or-default field base-value given))
                      (check (vector-ref field 4)))
                  (if (and check (assq (vector-ref field 0) given)) (check value) value)))
              fields)))

(define (%field-value kind raw record)
  (case kind
    ((thunked) (raw record))
    ((delayed) (force raw))
    (else raw)))

;; Users write `package'; `%package' is behind it.
(define (shown-name name)
  (let ((text (symbol->string name)))
    (if (string-prefix? "%" text) (string->symbol (substring text 1)) name)))

;; A constructor's form as the user wrote it.
(define (shown form)
  (syntax-case form ()
    ((head . rest)
     (datum->syntax #'head
                    (cons (shown-name (syntax->datum #'head))
                          (filter (lambda (clause) (not (and (pair? clause) (eq? (car clause) 'location))))
                                  (syntax->datum #'rest)))))
    (_ form)))

;; What a constructor's form expands to. KINDS are (name kind), REQUIRED the names without a default.
(define (expand-constructor form who kinds required this make fields base-value)
  (define (fail message subform)
    (syntax-violation who message (or subform (shown form))))
  (define (check-names names)
    (for-each (lambda (name)
                (unless (and (identifier? name) (assq (syntax->datum name) kinds))
                  (fail (string-append "extraneous field initializers ("
                                       (object->string (syntax->datum name)) ")")
                        name)))
              names)
    (check-duplicates names))
  (define (check-duplicates names)
    (let loop ((rest names) (seen '()))
      (unless (null? rest)
        (let ((name (syntax->datum (car rest))))
          (when (memq name seen)
            (fail (string-append "duplicate field initializer (" (object->string name) ")") (car rest)))
          (loop (cdr rest) (cons name seen))))))
  (define (check-required names)
    (let* ((given (map syntax->datum names))
           (missing (filter (lambda (name) (not (memq name given))) required)))
      (unless (null? missing)
        (fail (string-append "missing field initializers " (object->string missing)) #f))))
  (define (wrap name value)
    (case (cadr (assq (syntax->datum name) kinds))
      ((thunked)
       #`(lambda (self) (syntax-parameterize ((#,this (identifier-syntax self))) #,value)))
      ((delayed) #`(delay #,value))
      (else value)))
  (define (expand base names values)
    (check-names names)
    (with-syntax (((name ...) names)
                  ((value ...) (map wrap names values)))
      #`(let ((parent #,base))
          (let* ((name value) ...)
            (%construct #,make #,fields (and parent (#,base-value parent))
                        (list (cons 'name name) ...))))))
  (syntax-case form (inherit)
    ((_ (inherit base) (name value) ...)
     (expand #'base #'(name ...) #'(value ...)))
    ((_ (name value) ...)
     (begin
       (check-names #'(name ...))
       (check-required #'(name ...))
       (expand #'#f #'(name ...) #'(value ...))))
    (_ (fail "invalid field specifier" #f))))

(define-syntax define-record-type*
  (lambda (s)
    (define (kind-of options)
      (syntax-case options (thunked delayed)
        (() #'plain)
        (((thunked) . _) #'thunked)
        (((delayed) . _) #'delayed)
        ((_ . rest) (kind-of #'rest))))
    (define (defaulted? options)
      (syntax-case options (default)
        (() #f)
        (((default _) . _) #t)
        ((_ . rest) (defaulted? #'rest))))
    (syntax-case s ()
      ((_ type constructor make predicate (field getter option ...) ...)
       #'(define-record-type* type constructor make predicate this-record (field getter option ...) ...))
      ((_ type constructor make predicate this (field getter option ...) ...)
       (identifier? #'this)
       (with-syntax (((kind ...) (map kind-of #'((option ...) ...)))
                     ((required ...)
                      (filter-map (lambda (name options) (and (not (defaulted? options)) name))
                                  #'(field ...) #'((option ...) ...)))
                     ((raw ...) (generate-temporaries #'(field ...)))
                     (this-definition
                      (if (free-identifier=? #'this #'this-record)
                          #'(begin)
                          #'(define-syntax-parameter this
                              (lambda (s)
                                (syntax-violation 'this "outside of a record's definition" s))))))
         #'(begin
             this-definition
             (define type (make-record-type 'type '(field ...)))
             (define make (record-constructor type))
             (define predicate (record-predicate type))
             (define raw (record-accessor type 'field)) ...
             (define (getter record) (%field-value 'kind (raw record) record)) ...
             (define fields (%make-fields (field option ...) ...))
             (define (base-value base)
               (lambda (name) ((record-accessor type name) base)))
             (define-syntax constructor
               (lambda (s)
                 (expand-constructor s (shown-name 'constructor) '((field kind) ...) '(required ...)
                                     #'this #'make #'fields #'base-value)))))))))
