;; Small procedures that package definitions use.
(define-module (guix utils)
  #:use-module (srfi srfi-1)
  #:use-module (ice-9 match)
  #:use-module (trimaran guix)
  #:export (version-prefix version-prefix? version-major version-major+minor version-major+minor+point
            version-compare version>? version>=? substitute-keyword-arguments strip-keyword-arguments
            default-keyword-arguments ensure-keyword-arguments %current-system %current-target-system
            current-source-directory target-linux? target-x86-64? target-aarch64? target-64bit?
            package-name->name+version string-replace-substring file-extension))

(define %current-system (make-parameter (%system)))
(define %current-target-system (make-parameter #f))

(define (version-parts version n) (list-head (string-split version #\.) n))
(define (version-prefix version n)
  (let ((parts (string-split version #\.)))
    (string-join (take parts (min n (length parts))) ".")))
(define (version-major version) (version-prefix version 1))
(define (version-major+minor version) (version-prefix version 2))
(define (version-major+minor+point version) (version-prefix version 3))
(define (version-prefix? prefix version)
  (let loop ((a (string-split prefix #\.)) (b (string-split version #\.)))
    (match (list a b)
      ((() _) #t)
      (((x . a) (y . b)) (and (string=? x y) (loop a b)))
      (_ #f))))

(define (version-compare a b)
  (case (%compare-versions a b) ((-1) '<) ((1) '>) (else '=)))
(define (version>? a b) (eq? '> (version-compare a b)))
(define (version>=? a b) (not (eq? '< (version-compare a b))))

(define-syntax substitute-keyword-arguments
  (syntax-rules ()
    ((_ arguments ((keyword variable default) expression) ...)
     (%substitute arguments (list (list keyword (lambda (variable) expression) (lambda () default)) ...)))
    ((_ arguments ((keyword variable . rest) expression) ...)
     (substitute-clauses arguments () ((keyword variable . rest) expression) ...))))

(define-syntax substitute-clauses
  (syntax-rules ()
    ((_ arguments (done ...)) (%substitute arguments (list done ...)))
    ((_ arguments (done ...) ((keyword variable) expression) clause ...)
     (substitute-clauses arguments (done ... (list keyword (lambda (variable) expression) #f)) clause ...))
    ((_ arguments (done ...) ((keyword variable default) expression) clause ...)
     (substitute-clauses arguments
                         (done ... (list keyword (lambda (variable) expression) (lambda () default)))
                         clause ...))))

(define (%substitute arguments clauses)
  (let loop ((rest arguments) (left clauses) (result '()))
    (match rest
      ((keyword value . rest)
       (let ((clause (assq keyword left)))
         (loop rest (if clause (delq clause left) left)
               (cons* (if clause ((cadr clause) value) value) keyword result))))
      (_
       (append (reverse result)
               (append-map (match-lambda
                             ((keyword change default) (if default (list keyword (change (default))) '())))
                           left))))))

(define (strip-keyword-arguments keywords arguments)
  (match arguments
    ((keyword value . rest)
     (let ((rest (strip-keyword-arguments keywords rest)))
       (if (memq keyword keywords) rest (cons* keyword value rest))))
    (_ '())))
(define (default-keyword-arguments arguments defaults)
  (match defaults
    ((keyword value . rest)
     (default-keyword-arguments
       (if (memq keyword arguments) arguments (append arguments (list keyword value))) rest))
    (_ arguments)))
(define (ensure-keyword-arguments arguments ensured)
  (append ensured (strip-keyword-arguments (filter keyword? ensured) arguments)))

(define-syntax current-source-directory
  (lambda (s)
    (let ((file (assq-ref (or (syntax-source s) '()) 'filename)))
      (datum->syntax #'here (and file (string-prefix? "/" file) (dirname file))))))

(define* (target-linux? #:optional system) #t)
(define* (target-x86-64? #:optional (system (%system))) (string-prefix? "x86_64-" system))
(define* (target-aarch64? #:optional (system (%system))) (string-prefix? "aarch64-" system))
(define* (target-64bit? #:optional system) #t)

(define* (package-name->name+version specification #:optional (delimiter #\@))
  (let ((at (string-rindex specification delimiter)))
    (if at
        (values (substring specification 0 at) (substring specification (+ at 1)))
        (values specification #f))))

(define (string-replace-substring text from to)
  (let loop ((start 0) (pieces '()))
    (let ((at (string-contains text from start)))
      (if at
          (loop (+ at (string-length from)) (cons* to (substring text start at) pieces))
          (string-concatenate (reverse (cons (substring text start) pieces)))))))

(define (file-extension file)
  (let ((dot (string-rindex file #\.))) (and dot (substring file (+ dot 1)))))
