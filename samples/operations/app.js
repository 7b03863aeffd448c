// Draws what the WebSocket tells; reconnects by itself with growing pauses.
const $ = id => document.getElementById(id);
const points = [];
let pause = 500;

function show(reading) {
  for (const name of ['orders_per_minute', 'on_time', 'in_transit', 'late']) $(name).textContent = reading[name].toLocaleString('en');
  points.push(reading.orders_per_minute);
  if (points.length > 120) points.shift();
  draw();
  $('hubs').replaceChildren(...reading.hubs.map(hub => {
    const item = document.createElement('li'), row = document.createElement('div');
    const name = document.createElement('b'), detail = document.createElement('span'), bar = document.createElement('progress');
    name.textContent = hub.name;
    detail.textContent = `${hub.load.toFixed(0)} % · ${hub.trucks} trucks`;
    bar.max = 100; bar.value = hub.load; bar.setAttribute('aria-label', `${hub.name}: load`);
    row.append(name, detail); item.append(row, bar);
    return item;
  }));
}

function draw() {
  const low = Math.min(...points) - 20, high = Math.max(...points) + 20;
  const at = points.map((p, i) => `${(600 - (points.length - 1 - i) * 5.04).toFixed(1)} ${(190 - (p - low) / (high - low) * 175).toFixed(1)}`);
  if (at.length < 2) return;
  $('line').setAttribute('d', 'M' + at.join('L'));
  $('area').setAttribute('d', `M${at[0].split(' ')[0]} 200L${at.join('L')}L600 200Z`);
}

function connect() {
  const socket = new WebSocket(location.origin.replace(/^http/, 'ws') + '/live');
  socket.onopen = () => { pause = 500; state(true, 'live'); };
  socket.onmessage = event => { const message = JSON.parse(event.data); if (message.type === 'reading') show(message); else if (message.type === 'history') points.splice(0, points.length, ...message.orders_per_minute); };
  socket.onclose = event => {
    state(false, event.reason || 'reconnecting');
    if (event.code !== 4403) setTimeout(connect, pause = Math.min(pause * 2, 8000));
  };
}

function state(isOn, words) {
  $('link').className = isOn ? 'link on' : 'link';
  $('link').querySelector('b').textContent = words;
}

connect();
