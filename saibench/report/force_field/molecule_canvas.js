// A molecule on a canvas: atoms coloured by the error of their force, the error as arrows.

const RAMP = [[255, 247, 236], [253, 212, 158], [252, 141, 89], [215, 48, 31], [127, 0, 0]];
const ELEMENTS = { H: "#9aa5b1", C: "#3d434a", N: "#0072b2", O: "#c1121f", S: "#b58900", F: "#2a9d5c" };
const BOND_REACH = 1.25; // times the sum of covalent radii
const ARROW_REACH = 1.3; // Å, of the longest arrow

const rampColour = (share) => {
  const at = Math.min(1, Math.max(0, share)) * (RAMP.length - 1), low = Math.min(Math.floor(at), RAMP.length - 2);
  const mixed = RAMP[low].map((from, band) => Math.round(from + (at - low) * (RAMP[low + 1][band] - from)));
  return `rgb(${mixed.join(",")})`;
};

const length = ([x, y, z]) => Math.hypot(x, y, z);

const bondsOf = ({ positions, radii }) => {
  const found = [];
  for (let i = 0; i < positions.length; i += 1) {
    for (let j = i + 1; j < positions.length; j += 1) {
      const apart = length(positions[i].map((value, axis) => value - positions[j][axis]));
      if (apart < BOND_REACH * (radii[i] + radii[j])) found.push([i, j]);
    }
  }
  return found;
};

const rotated = ([x, y, z], { yaw, pitch }) => {
  const [a, b] = [Math.cos(yaw) * x + Math.sin(yaw) * z, -Math.sin(yaw) * x + Math.cos(yaw) * z];
  return [a, Math.cos(pitch) * y - Math.sin(pitch) * b, Math.sin(pitch) * y + Math.cos(pitch) * b];
};

const strokeLine = (context, from, to, width, colour) => {
  context.beginPath();
  context.moveTo(from[0], from[1]);
  context.lineTo(to[0], to[1]);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.lineCap = "round";
  context.stroke();
};

const drawArrow = (context, from, to) => {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]], size = Math.hypot(dx, dy);
  if (size < 4) return;
  strokeLine(context, from, to, 2, "#111");
  const head = Math.min(9, 0.5 * size), [ux, uy] = [dx / size, dy / size];
  context.beginPath();
  context.moveTo(to[0], to[1]);
  context.lineTo(to[0] - head * (ux + 0.5 * uy), to[1] - head * (uy - 0.5 * ux));
  context.lineTo(to[0] - head * (ux - 0.5 * uy), to[1] - head * (uy + 0.5 * ux));
  context.fillStyle = "#111";
  context.fill();
};

const drawAtom = (context, [x, y], radius, colour, symbol) => {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.fill();
  const shine = context.createRadialGradient(x - 0.35 * radius, y - 0.35 * radius, 0.1 * radius, x, y, radius);
  shine.addColorStop(0, "rgba(255,255,255,.55)");
  shine.addColorStop(0.5, "rgba(255,255,255,0)");
  shine.addColorStop(1, "rgba(0,0,0,.18)");
  context.fillStyle = shine;
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = ELEMENTS[symbol] ?? "#6a4c93";
  context.stroke();
};

const drawLabel = (context, [x, y], radius, symbol) => {
  context.font = `600 ${Math.max(9, 0.8 * radius).toFixed(0)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.lineWidth = 3;
  context.strokeStyle = "rgba(255,255,255,.85)";
  context.strokeText(symbol, x, y);
  context.fillStyle = "#111";
  context.fillText(symbol, x, y);
};

// draws the frame; returns the atoms' positions on the canvas
const drawMolecule = (canvas, frame, bonds, view, largest) => {
  const scale = window.devicePixelRatio || 1, { clientWidth: width, clientHeight: height } = canvas;
  canvas.width = Math.round(scale * width);
  canvas.height = Math.round(scale * height);
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  const reach = Math.max(...frame.positions.map(length)) + 0.7;
  const pixels = view.zoom * Math.min(width, height) / (2 * reach);
  const project = (vector) => {
    const [x, y, z] = rotated(vector, view);
    return [width / 2 + pixels * x, height / 2 - pixels * y, z];
  };
  const atoms = frame.positions.map(project);
  const radius = (atom) => pixels * (0.22 + 0.28 * frame.radii[atom]);
  // a bond starts at the surfaces of its atoms, so that it is not drawn over an atom in front
  const surface = (i, j) => {
    const along = frame.positions[j].map((value, axis) => value - frame.positions[i][axis]);
    const share = 0.8 * radius(i) / (pixels * length(along));
    return project(frame.positions[i].map((value, axis) => value + share * along[axis]));
  };
  const steps = [
    ...bonds.map(([i, j]) => [(atoms[i][2] + atoms[j][2]) / 2, () =>
      strokeLine(context, surface(i, j), surface(j, i), 0.14 * pixels, "#b4bcc4")]),
    ...atoms.map((place, atom) => [place[2], () => {
      const colour = rampColour(frame.norms[atom] / largest);
      drawAtom(context, place, radius(atom), colour, frame.symbols[atom]);
      const reached = frame.error[atom].map((value) => ARROW_REACH * value / largest);
      const tip = project(frame.positions[atom].map((value, axis) => value + reached[axis]));
      if (view.arrows) drawArrow(context, place, tip);
      if (view.labels) drawLabel(context, place, radius(atom), frame.symbols[atom]);
    }]),
  ];
  steps.sort((a, b) => a[0] - b[0]).forEach(([, draw]) => draw());
  return atoms.map(([x, y, z], atom) => ({ atom, x, y, z, radius: radius(atom) }));
};
