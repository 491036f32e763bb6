// Which outputs of a flake are images, and what they are called: how a service's flake output is found by itself.
import { fromByteString } from '../../foundation/byte-string.ts';
import type { Host } from '../../foundation/host.ts';
import { evaluateNix } from './evaluate.ts';
import type { NixSettings } from './settings.ts';

export interface ImageOutput {
  /** As one would type it after `#`. */
  readonly attributePath: string;
  /** `areas_api` */
  readonly imageName: string;
}

/** Looks one and three levels deep, as flakes keep their outputs; what fails to evaluate is no image. */
const findImages = `
flake:
let
  system = builtins.currentSystem or "x86_64-linux";
  nameOf = value:
    let found = builtins.tryEval (if builtins.isAttrs value && value ? imageName then value.imageName else null);
    in if found.success then found.value else null;
  imagesIn = prefix: set: builtins.concatMap
    (name:
      let imageName = nameOf set.\${name};
      in if builtins.isString imageName then [ { attributePath = prefix + name; inherit imageName; } ] else [ ])
    (builtins.attrNames set);
  outputs = flake.outputs or flake;
  packages = outputs.packages.\${system} or { };
in
imagesIn "" (removeAttrs outputs [ "packages" "legacyPackages" ]) ++ imagesIn "packages.\${system}." packages
`;

/** The images among the outputs of the flake in a folder. Rejects with the errors of flakes and evaluation. */
export async function listImageOutputs(request: {
  readonly host: Host;
  readonly directory: string;
  readonly settings: NixSettings;
}): Promise<ImageOutput[]> {
  const text = await evaluateNix({
    host: { ...request.host, cwd: request.directory },
    installable: '.',
    settings: request.settings,
    apply: findImages,
    form: 'json',
    attributePaths: [''],
  });
  return JSON.parse(fromByteString(text)) as ImageOutput[];
}
