# A simple image of the service. Run it with the host's network and the capabilities it keeps:
#   docker run --network host --cap-drop ALL --cap-add NET_BIND_SERVICE --cap-add NET_RAW -v virtdom:/var/lib/virtdom virtdom
FROM debian:trixie-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates npm libatomic1 libcap2-bin \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/virtdom
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev
COPY bin bin
COPY src src
COPY templates templates
COPY rootfs-overlay rootfs-overlay
COPY recipes recipes
RUN setcap cap_net_bind_service,cap_net_raw+ep node_modules/node-linux-*/bin/node \
  && useradd --system --home /var/lib/virtdom --create-home virtdom \
  && install -d -o virtdom /run/virtdom /etc/virtdom
USER virtdom
VOLUME /var/lib/virtdom
ENTRYPOINT ["/opt/virtdom/bin/virtdom"]
CMD ["serve", "--config", "/etc/virtdom/virtdom.yaml"]
