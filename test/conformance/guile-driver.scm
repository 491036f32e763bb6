;; Evaluates the cases of a file and prints one line for each: its number and what came of it.
;; Runs in Guile and in Trimaran's interpreter alike. Set by the caller: cases-file, first-case, last-case.
(define (expand-entry entry)
  ;; (cross (procedure …) ((argument …) …)) stands for every call of a procedure with an argument list.
  (if (and (pair? entry) (eq? (car entry) 'cross))
      (apply append
             (map (lambda (procedure)
                    (map (lambda (arguments) (cons procedure arguments)) (caddr entry)))
                  (cadr entry)))
      (list entry)))

(define (read-cases file)
  (call-with-input-file file
    (lambda (port)
      (let* ((modules (read port)))
        (let loop ((cases '()))
          (let ((entry (read port)))
            (if (eof-object? entry)
                (cons modules (reverse cases))
                (loop (append (reverse (expand-entry entry)) cases)))))))))

(define (fresh-module modules)
  (let ((module (make-fresh-user-module)))
    (for-each (lambda (name) (module-use! module (resolve-interface name))) modules)
    module))

(define (outcome datum module)
  (let* ((port (open-output-string))
         (result
          (catch #t
            (lambda ()
              (call-with-values
                  (lambda ()
                    (parameterize ((current-output-port port))
                      (save-module-excursion
                       (lambda () (set-current-module module) (eval datum module)))))
                (lambda values
                  (let ((text (open-output-string)))
                    (for-each (lambda (value) (display " " text) (write value text)) values)
                    (get-output-string text)))))
            (lambda (key . arguments)
              (string-append " error " (symbol->string key))))))
    (let ((printed (get-output-string port)))
      (if (string-null? printed)
          result
          (string-append result " printed " (object->string printed))))))

(let* ((file (read-cases cases-file)) (modules (car file)))
  (let loop ((cases (cdr file)) (i 0))
    (when (and (pair? cases) (<= i last-case))
      (when (>= i first-case)
        (display i)
        (display (outcome (car cases) (fresh-module modules)))
        (newline)
        (force-output))
      (loop (cdr cases) (+ i 1))))
  (display "end")
  (newline))
