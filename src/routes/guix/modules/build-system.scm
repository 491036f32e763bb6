;; Build systems: how a package becomes a derivation. `lower` is called with the package's full name and keywords
;; (#:source, #:inputs, #:outputs, and the package's own arguments) and gives a derivation.
(define-module (guix build-system)
  #:use-module (guix records)
  #:use-module (guix gexp)
  #:export (build-system build-system? build-system-name build-system-description build-system-lower
            input-alist with-variables))

(define-record-type* <build-system> build-system make-build-system build-system?
  (name build-system-name)
  (description build-system-description)
  (lower build-system-lower))

;; What builders know their inputs by; ADD! is called with each.
(define (input-alist inputs add!)
  (map (lambda (input)
         (let ((lowered (lower-object (cadr input) (if (pair? (cddr input)) (caddr input) "out"))))
           (add! lowered)
           (cons (car input) (lowered-path lowered))))
       inputs))

;; Builders of the older style refer to the variables %outputs, %output and %build-inputs.
(define (with-variables expression inputs outputs)
  `(begin
     (define %build-inputs ',inputs)
     (define %outputs
       (map (lambda (name) (cons name ((@ (guile) getenv) name))) ',outputs))
     (define %output (cdr (car %outputs)))
     ,expression))
