;; Sources in git repositories.
(define-module (guix git-download)
  #:use-module (guix records)
  #:use-module (trimaran guix)
  #:export (git-reference git-reference? git-reference-url git-reference-commit git-reference-recursive?
            git-fetch git-version git-file-name git-predicate))

(define-record-type* <git-reference> git-reference make-git-reference git-reference?
  (url git-reference-url)
  (commit git-reference-commit)
  (recursive? git-reference-recursive? (default #f)))

(define* (git-fetch reference hash-algorithm hash #:optional name #:key system guile git)
  (%derivation (or name "git-checkout") "builtin:git-download"
               `(("url" . ,(object->string (git-reference-url reference)))
                 ("commit" . ,(object->string (%locked-commit (git-reference-url reference)
                                                              (git-reference-commit reference))))
                 ("recursive?" . ,(object->string (git-reference-recursive? reference))))
               #f '() '("out")
               (list "r:" hash-algorithm hash)))

(define (git-version version revision commit)
  (string-append version "-" revision "." (string-take commit 7)))

(define (git-file-name name version)
  (string-append name "-" version "-checkout"))

;; Whether git tracks a file: for local-file's #:select?.
(define* (git-predicate directory #:key (recursive? #t))
  (let ((tracked (%git-files directory)))
    (and tracked
         (let ((table (make-hash-table)))
           (for-each (lambda (file) (hash-set! table file #t)) tracked)
           (lambda (file stat) (hash-ref table file #f))))))
