;; trivial-build-system: the package is what its #:builder makes. The builder runs in Trimaran's own Scheme.
(define-module (guix build-system trivial)
  #:use-module (guix build-system)
  #:use-module (guix gexp)
  #:use-module (srfi srfi-1)
  #:use-module (trimaran guix)
  #:export (trivial-build-system))

(define* (lower name #:key source (inputs '()) (outputs '("out")) builder (modules '()) system guile
                search-paths substitutable? target allowed-references)
  (unless builder
    (%fail "no-builder" (string-append "package `" name "' has no #:builder")
           "give it one: (arguments (list #:builder #~(begin (mkdir #$output))))"))
  (let* ((collected '())
         (add! (lambda (input) (set! collected (cons input collected))))
         (all (if source (cons (list "source" source) inputs) inputs))
         (alist (input-alist all add!))
         (sexp (gexp->sexp builder add!)))
    (%derivation name "builtin:guix-scheme"
                 `(("builder" . ,(object->string (with-variables sexp alist outputs))))
                 #f collected outputs #f)))

(define trivial-build-system
  (build-system
   (name 'trivial)
   (description "Trivial build system, to run arbitrary Scheme build expressions")
   (lower lower)))
