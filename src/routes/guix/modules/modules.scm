;; Which modules a module needs: the closure of those on the load path, Guix's own aside.
(define-module (guix modules)
  #:use-module (srfi srfi-1)
  #:export (source-module-closure module-name->file-name guix-module-name? live-module-closure))

(define (module-name->file-name module)
  (string-append (string-join (map symbol->string module) "/") ".scm"))

(define (guix-module-name? module)
  (and (pair? module) (memq (car module) '(guix gnu)) #t))

;; Names after #:use-module and #:autoload in a definition.
(define (needed definition)
  (let loop ((rest definition) (names '()))
    (cond ((or (null? rest) (null? (cdr rest))) (reverse names))
          ((memq (car rest) '(#:use-module #:autoload))
           (let ((name (cadr rest)))
             (loop (cddr rest) (cons (if (pair? (car name)) (car name) name) names))))
          (else (loop (cdr rest) names)))))

(define* (source-module-closure modules #:optional load-path #:key (select? (const #t)))
  (let loop ((rest modules) (seen '()))
    (cond ((null? rest) (reverse seen))
          ((member (car rest) seen) (loop (cdr rest) seen))
          ((or (guix-module-name? (car rest)) (memq '=> (car rest))) (loop (cdr rest) (cons (car rest) seen)))
          (else
           (let ((file (%search-load-path (module-name->file-name (car rest)))))
             (if file
                 (loop (append (cdr rest)
                               (filter (lambda (name)
                                         (and (not (guix-module-name? name))
                                              (%search-load-path (module-name->file-name name))))
                                       (needed (cddr (call-with-input-file file read)))))
                       (cons (car rest) seen))
                 (loop (cdr rest) (cons (car rest) seen))))))))
(define live-module-closure source-module-closure)
