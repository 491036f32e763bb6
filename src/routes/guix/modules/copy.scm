;; copy-build-system: installs files of the source as #:install-plan says. The copying itself is native.
(define-module (guix build-system copy)
  #:use-module (guix build-system)
  #:use-module (guix gexp)
  #:use-module (srfi srfi-1)
  #:use-module (ice-9 match)
  #:use-module (trimaran guix)
  #:export (copy-build-system %default-install-plan))

(define %default-install-plan ''(("." "./")))

(define (plan-list plan add!)
  (let ((value (if (gexp? plan) (gexp->sexp plan add!) plan)))
    (match value
      (((or 'quote 'quasiquote) list) list)
      (list list))))

(define (bad-entry entry)
  (%fail "bad-install-plan" (format #f "~s is no entry of an install plan" entry)
         "write (\"SOURCE\" \"TARGET\"), with #:include, #:include-regexp, #:exclude or #:exclude-regexp and a list after it"))

(define (plan-entry entry)
  (match entry
    (((? string? source) (? string? target) filters ...)
     `(("source" . ,source) ("target" . ,target)
       ,@(let loop ((filters filters))
           (match filters
             (() '())
             (((? keyword? key) value rest ...)
              (unless (memq (keyword->symbol key) '(include include-regexp exclude exclude-regexp output))
                (bad-entry entry))
              (cons (cons (symbol->string (keyword->symbol key))
                          (if (list? value) (list->vector value) value))
                    (loop rest)))
             (_ (bad-entry entry))))))
    (((? string? source)) `(("source" . ,source) ("target" . "./")))
    (_ (bad-entry entry))))

(define* (lower name #:key source (inputs '()) (outputs '("out"))
                (install-plan %default-install-plan) (phases #f)
                tests? parallel-build? parallel-tests? validate-runpath? patch-shebangs? strip-binaries?
                strip-flags strip-directories search-paths out-of-source? system guile imported-modules modules
                substitutable? target license-file-regexp)
  (when phases
    (%fail "unsupported-argument" (string-append "`" name "': copy-build-system's #:phases are not supported")
           "use the trivial build system, whose #:builder may do anything"))
  (unless source
    (%fail "no-source" (string-append "package `" name "' has no source to copy from")
           "give it a source, such as (local-file \"server\" #:recursive? #t)"))
  (let* ((collected '())
         (add! (lambda (input) (set! collected (cons input collected))))
         (plan (map plan-entry (plan-list install-plan add!)))
         (source (lower-object source)))
    (%derivation name "builtin:guix-copy" '()
                 `(("source" . ,(lowered-path source))
                   ("licenseFolder" . ,(string-append "share/doc/" name))
                   ("installPlan" . ,(list->vector plan)))
                 (cons source collected) outputs #f)))

(define copy-build-system
  (build-system
   (name 'copy)
   (description "The standard copy build system")
   (lower lower)))
