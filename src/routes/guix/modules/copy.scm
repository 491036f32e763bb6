;; copy-build-system: installs files of the source as #:install-plan says. The copying itself is native.
(define-module (guix build-system copy)
  #:use-module (guix build-system)
  #:use-module (guix gexp)
  #:use-module (srfi srfi-1)
  #:use-module (ice-9 match)
  #:use-module (trimaran guix)
  #:export (copy-build-system %default-install-plan))

(define %default-install-plan ''(("." "./")))

;; The plan as an expression of the builder, and as a list, or #f where only evaluating it gives one.
(define (plan-expression plan add!)
  (let ((value (if (gexp? plan) (gexp->sexp plan add!) plan)))
    (match value
      (('quote _) value)
      (((? symbol?) . _) value)
      (entries (list 'quote entries)))))

(define (plan-list expression)
  (define (literal? tree)
    (if (pair? tree)
        (and (not (memq (car tree) '(unquote unquote-splicing))) (literal? (car tree)) (literal? (cdr tree)))
        #t))
  (match expression
    (('quote list) list)
    (('quasiquote list) (and (literal? list) list))
    (_ #f)))

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
  (define arguments
    `(,@(if license-file-regexp `(#:license-file-regexp ,license-file-regexp) '())))
  (unless source
    (%fail "no-source" (string-append "package `" name "' has no source to copy from")
           "give it a source, such as (local-file \"server\" #:recursive? #t)"))
  (let* ((collected '())
         (add! (lambda (input) (set! collected (cons input collected))))
         (source (lower-object source))
         (plan (plan-expression install-plan add!))
         (known (plan-list plan))
         (entries (map plan-entry (or known '()))))
    (if (or phases license-file-regexp (not known))
        (lower/phases name source plan (or phases '%standard-phases)
                      #:inputs inputs #:outputs outputs #:modules (or modules '()) #:collected collected
                      #:arguments arguments)
        (%derivation name "builtin:guix-copy" '()
                     `(("source" . ,(lowered-path source))
                       ("licenseFolder" . ,(string-append "share/doc/" name))
                       ("installPlan" . ,(list->vector entries)))
                     (cons source collected) outputs #f))))

;; Phases are procedures of the package: they run as a builder, on the source unpacked.
(define* (lower/phases name source plan phases #:key inputs outputs modules collected arguments)
  (let* ((add! (lambda (input) (set! collected (cons input collected))))
         (unpacked (derivation-lowered
                    (%derivation (string-append name "-source") "builtin:guix-patch" '()
                                 `(("source" . ,(lowered-path source)) ("patches" . #()) ("strip" . 1))
                                 (list source) '("out") #f)))
         (inputs (begin
                   (add! unpacked)
                   `(("source" . ,(lowered-path unpacked)) ,@(input-alist inputs add!))))
         (phases (gexp->sexp phases add!)))
    (%derivation name "builtin:guix-scheme"
                 `(("builder"
                    . ,(object->string
                        (with-variables
                         `(begin
                            (use-modules (guix build copy-build-system) ,@modules)
                            (copy-build #:source ,(lowered-path unpacked) #:name ,name
                                        #:inputs %build-inputs #:native-inputs #f #:outputs %outputs
                                        #:system ,(%system) #:install-plan ,plan ,@arguments
                                        #:phases ,phases))
                         inputs outputs))))
                 #f collected outputs #f)))

(define copy-build-system
  (build-system
   (name 'copy)
   (description "The standard copy build system")
   (lower lower)))
