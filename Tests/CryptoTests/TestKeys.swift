// Keys of published examples, and a few made for these tests. None protects anything.

/// Numbers in base64url, keys in PEM.
enum TestKeys {
  /// RFC 7520 §3.3 and §3.4.
  enum RSA {
    static let modulus =
      "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZ"
      + "QHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oB"
      + "HqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVb"
      + "b9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHd"
      + "rNP5zw"
    static let secret =
      "bWUC9B-EFRIo8kpGfh0ZuyGPvMNKvYWNtB_ikiH9k20eT-O1q_I78eiZkpXxXQ0UTEs2LsNRS-8uJbvQ-A1i"
      + "rkwMSMkK1J3XTGgdrhCku9gRldY7sNA_AKZGh-Q661_42rINLRCe8W-nZ34ui_qOfkLnK9QWDDqpaIsA-bMw"
      + "WWSDFu2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkMXiuFhUq1BU6l-DqEiWxqg82sXt2h-LMnT3046AOY"
      + "JoRioz75tSUQfGCshWTBnP5uDjd18kKhyv07lhfSJdrPdM5Plyl21hsFf4L_mHCuoFau7gdsPfHPxxjVOcOp"
      + "BrQzwQ"
    static let p =
      "3Slxg_DwTXJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex_fp7AZ_9nRaO7HX_-SFfGQeutao2TDjDAWU4Vupk"
      + "8rw9JR0AzZ0N2fvuIAmr_WCsmGpeNqQnev1T7IyEsnh8UMt-n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bU"
      + "q0k"
    static let q =
      "uKE2dh-cTf6ERF4k4e_jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR_cu0Dm1MZwWmtdqDyI95HrUeq3M"
      + "P15vMMON8lHTeZu2lmKvwqW7anV5UzhM1iZ7z4yMkuUwFWoBvyY898EXvRD-hdqRxHlSqAZ192zB3pVFJ0s7"
      + "pFc"
    static let dp =
      "B8PVvXkvJrj2L-GYQ7v3y9r6Kw5g9SahXBwsWUzp19TVlgI-YV85q1NIb1rxQtD-IsXXR3-TanevuRPRt5OB"
      + "OdiMGQp8pbt26gljYfKU_E9xn-RULHz0-ed9E9gXLKD4VGngpz-PfQ_q29pk5xWHoJp009Qf1HvChixRX59e"
      + "hik"
    static let dq =
      "CLDmDGduhylc9o7r84rEUVn7pzQ6PF83Y-iBZx5NT-TpnOZKF1pErAMVeKzFEl41DlHHqqBLSM0W1sOFbwTx"
      + "YWZDm6sI6og5iTbwQGIC3gnJKbi_7k_vJgGHwHxgPaX2PnvP-zyEkDERuf-ry4c_Z11Cq9AqC2yeL6kdKT1c"
      + "YF8"
    static let qi =
      "3PiqvXQN0zwMeE-sBvZgi289XP9XCQF3VWqPzMKnIgQp7_Tugo6-NZBKCQsMf3HaEGBjTVJs_jcK8-TRXvaK"
      + "e-7ZMaQj8VfBdYkssbu0NKDDhjJ-GtiseaDVWt7dcH0cfwxgFUHpQh7FoCrjFJ6h6ZEpMF6xmujs4qMpPz8a"
      + "aI4"
    static let exponent = "AQAB"
  }

  /// RFC 7515, appendix A.3.
  enum P256 {
    static let x =
      "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
    static let y =
      "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    static let secret =
      "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"
  }

  /// Made for these tests.
  enum P384 {
    static let x =
      "-vLgxZoPwJRBVQ19vMXvolTsimWqhebZk4HhgaIjFRqUX5usEp-AKjHMvV3aWp1X"
    static let y =
      "KGrXmKTcLSk-24kzaEmc-tMkQgq28w-mxd30eDHwP--QPyAhjkgcBlNoyEUp1-fI"
    static let secret =
      "d9dEe_2UPAI2_E_GnknXrMQt5BEA0824FEHlyCv-RyzXEap1sGYiApE6BgI_ZFYd"
  }

  /// RFC 7520 §3.1 and §3.2.
  enum P521 {
    static let x =
      "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5c"
      + "j0Kt"
    static let y =
      "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-Hq"
      + "HZR1"
    static let secret =
      "AAhRON2r9cqXX1hg-RoI6R1tX5p2rUAYdmpHZoC1XNM56KtscrX6zbKipQrCW9CGZH3T4ubpnoTKLDYJ_fF3"
      + "_rJt"
  }

  /// RFC 8037, appendix A.
  enum Ed25519 {
    static let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    static let secret = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"
  }

  static let rsaPKCS8 = """
    -----BEGIN PRIVATE KEY-----
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCfgQ+0A4Jz0CWR
    5Ac/MdK2ABuCzttNkvBQFl1Hz8q4o8Qct3isdVN5P475dXaNGiN02HElZMO813ue
    pDRUSJlAfP8AmZIKkxokxEFIUqspvbCpXAZT82xg5gv5C2JY3aVvNwR7pcLR0Cmv
    nJ1AuseqQceKDdEGit1pnoCP6gEeoUQdik97tOl7459V8d3UTpxLozUVlwPU00tg
    PmUUek8j1tPAmWx17e6EaoLRkK4QeDyWHPA4eu0hBtLQVVtv2Tf61VNTh+D/cv++
    eJQUArC4IuoqdLYFjB2r+bNKdstjuH+qLGhHuOKDf/+RGG5rHBSRHPmJqJCSqBzm
    Ad2s0/nPAgMBAAECggEAbWUC9B+EFRIo8kpGfh0ZuyGPvMNKvYWNtB/ikiH9k20e
    T+O1q/I78eiZkpXxXQ0UTEs2LsNRS+8uJbvQ+A1irkwMSMkK1J3XTGgdrhCku9gR
    ldY7sNA/AKZGh+Q661/42rINLRCe8W+nZ34ui/qOfkLnK9QWDDqpaIsA+bMwWWSD
    Fu2MUBYwkHTMEzLYGqOe04noqeq1hExBTHBOBdkMXiuFhUq1BU6l+DqEiWxqg82s
    Xt2h+LMnT3046AOYJoRioz75tSUQfGCshWTBnP5uDjd18kKhyv07lhfSJdrPdM5P
    lyl21hsFf4L/mHCuoFau7gdsPfHPxxjVOcOpBrQzwQKBgQDdKXGD8PBNclxvrT3l
    GhfKBAIBnlGcC9mWejXKEe2dR7H9+nsBn/2dFo7sdf/5IV8ZB661qjZMOMMBZThW
    6mTyvD0lHQDNnQ3Z++4gCav9YKyYal42pCd6/VPsjISyeHxQy36fkJp+GSKTOESy
    uad0fovE6u9EmWw+npm/xtSrSQKBgQC4oTZ2H5xN/oREXiTh7+PLvwZ89hQhpTKh
    JIm4HOncK5uTc4KqzqCtPxtH9y7QObUxnBaa12oPIj3ketR6rcw/Xm8ww43yUdN5
    m7aWYq/CpbtqdXlTOEzWJnvPjIyS5TAVagG/Jjz3wRe9EP6F2pHEeVKoBnX3bMHe
    lUUnSzukVwKBgAfD1b15Lya49i/hmEO798va+isOYPUmoVwcLFlM6dfU1ZYCPmFf
    OatTSG9a8ULQ/iLF10d/k2p3r7kT0beTgTnYjBkKfKW7duoJY2HylPxPcZ/kVCx8
    9PnnfRPYFyyg+FRp4Kc/j30P6tvaZOcVh6CadNPUH9R7woYsUV+fXoYpAoGACLDm
    DGduhylc9o7r84rEUVn7pzQ6PF83Y+iBZx5NT+TpnOZKF1pErAMVeKzFEl41DlHH
    qqBLSM0W1sOFbwTxYWZDm6sI6og5iTbwQGIC3gnJKbi/7k/vJgGHwHxgPaX2PnvP
    +zyEkDERuf+ry4c/Z11Cq9AqC2yeL6kdKT1cYF8CgYEA3PiqvXQN0zwMeE+sBvZg
    i289XP9XCQF3VWqPzMKnIgQp7/Tugo6+NZBKCQsMf3HaEGBjTVJs/jcK8+TRXvaK
    e+7ZMaQj8VfBdYkssbu0NKDDhjJ+GtiseaDVWt7dcH0cfwxgFUHpQh7FoCrjFJ6h
    6ZEpMF6xmujs4qMpPz8aaI4=
    -----END PRIVATE KEY-----
    """
  static let rsaPKCS1 = """
    -----BEGIN RSA PRIVATE KEY-----
    MIIEowIBAAKCAQEAn4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8/KuKPEHLd4
    rHVTeT+O+XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz/AJmSCpMaJMRBSFKrKb2wqVwG
    U/NsYOYL+QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj+oBHqFEHYpP
    e7Tpe+OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzw
    OHrtIQbS0FVbb9k3+tVTU4fg/3L/vniUFAKwuCLqKnS2BYwdq/mzSnbLY7h/qixo
    R7jig3//kRhuaxwUkRz5iaiQkqgc5gHdrNP5zwIDAQABAoIBAG1lAvQfhBUSKPJK
    Rn4dGbshj7zDSr2FjbQf4pIh/ZNtHk/jtavyO/HomZKV8V0NFExLNi7DUUvvLiW7
    0PgNYq5MDEjJCtSd10xoHa4QpLvYEZXWO7DQPwCmRofkOutf+NqyDS0QnvFvp2d+
    Lov6jn5C5yvUFgw6qWiLAPmzMFlkgxbtjFAWMJB0zBMy2BqjntOJ6KnqtYRMQUxw
    TgXZDF4rhYVKtQVOpfg6hIlsaoPNrF7dofizJ099OOgDmCaEYqM++bUlEHxgrIVk
    wZz+bg43dfJCocr9O5YX0iXaz3TOT5cpdtYbBX+C/5hwrqBWru4HbD3xz8cY1TnD
    qQa0M8ECgYEA3Slxg/DwTXJcb6095RoXygQCAZ5RnAvZlno1yhHtnUex/fp7AZ/9
    nRaO7HX/+SFfGQeutao2TDjDAWU4Vupk8rw9JR0AzZ0N2fvuIAmr/WCsmGpeNqQn
    ev1T7IyEsnh8UMt+n5CafhkikzhEsrmndH6LxOrvRJlsPp6Zv8bUq0kCgYEAuKE2
    dh+cTf6ERF4k4e/jy78GfPYUIaUyoSSJuBzp3Cubk3OCqs6grT8bR/cu0Dm1MZwW
    mtdqDyI95HrUeq3MP15vMMON8lHTeZu2lmKvwqW7anV5UzhM1iZ7z4yMkuUwFWoB
    vyY898EXvRD+hdqRxHlSqAZ192zB3pVFJ0s7pFcCgYAHw9W9eS8muPYv4ZhDu/fL
    2vorDmD1JqFcHCxZTOnX1NWWAj5hXzmrU0hvWvFC0P4ixddHf5Nqd6+5E9G3k4E5
    2IwZCnylu3bqCWNh8pT8T3Gf5FQsfPT5530T2BcsoPhUaeCnP499D+rb2mTnFYeg
    mnTT1B/Ue8KGLFFfn16GKQKBgAiw5gxnbocpXPaO6/OKxFFZ+6c0OjxfN2PogWce
    TU/k6ZzmShdaRKwDFXisxRJeNQ5Rx6qgS0jNFtbDhW8E8WFmQ5urCOqIOYk28EBi
    At4JySm4v+5P7yYBh8B8YD2l9j57z/s8hJAxEbn/q8uHP2ddQqvQKgtsni+pHSk9
    XGBfAoGBANz4qr10DdM8DHhPrAb2YItvPVz/VwkBd1Vqj8zCpyIEKe/07oKOvjWQ
    SgkLDH9x2hBgY01SbP43CvPk0V72invu2TGkI/FXwXWJLLG7tDSgw4YyfhrYrHmg
    1Vre3XB9HH8MYBVB6UIexaAq4xSeoemRKTBesZro7OKjKT8/GmiO
    -----END RSA PRIVATE KEY-----
    """
  static let rsaSPKI = """
    -----BEGIN PUBLIC KEY-----
    MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAn4EPtAOCc9AlkeQHPzHS
    tgAbgs7bTZLwUBZdR8/KuKPEHLd4rHVTeT+O+XV2jRojdNhxJWTDvNd7nqQ0VEiZ
    QHz/AJmSCpMaJMRBSFKrKb2wqVwGU/NsYOYL+QtiWN2lbzcEe6XC0dApr5ydQLrH
    qkHHig3RBordaZ6Aj+oBHqFEHYpPe7Tpe+OfVfHd1E6cS6M1FZcD1NNLYD5lFHpP
    I9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3+tVTU4fg/3L/vniUFAKw
    uCLqKnS2BYwdq/mzSnbLY7h/qixoR7jig3//kRhuaxwUkRz5iaiQkqgc5gHdrNP5
    zwIDAQAB
    -----END PUBLIC KEY-----
    """
  static let rsaPKCS1Public = """
    -----BEGIN RSA PUBLIC KEY-----
    MIIBCgKCAQEAn4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8/KuKPEHLd4rHVT
    eT+O+XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz/AJmSCpMaJMRBSFKrKb2wqVwGU/Ns
    YOYL+QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj+oBHqFEHYpPe7Tp
    e+OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCuEHg8lhzwOHrt
    IQbS0FVbb9k3+tVTU4fg/3L/vniUFAKwuCLqKnS2BYwdq/mzSnbLY7h/qixoR7ji
    g3//kRhuaxwUkRz5iaiQkqgc5gHdrNP5zwIDAQAB
    -----END RSA PUBLIC KEY-----
    """
  static let p256PKCS8 = """
    -----BEGIN PRIVATE KEY-----
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgjpsQnnGQmL+YBIff
    H1136cspYG6+0iY7X1fCE9+E9LKhRANCAAR/zc4ncPbEXUGDy+5v20t7WAczNXvp
    7xO6z248e9FURcfxRM0bvZt+hyzf7bnuufSzaV1uqQskrYpGIyiFiOWt
    -----END PRIVATE KEY-----
    """
  static let p256SEC1 = """
    -----BEGIN EC PRIVATE KEY-----
    MHcCAQEEII6bEJ5xkJi/mASH3x9dd+nLKWBuvtImO19XwhPfhPSyoAoGCCqGSM49
    AwEHoUQDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEXH8UTNG72b
    focs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
    -----END EC PRIVATE KEY-----
    """
  static let p256SPKI = """
    -----BEGIN PUBLIC KEY-----
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7
    6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
    -----END PUBLIC KEY-----
    """
  static let p384SPKI = """
    -----BEGIN PUBLIC KEY-----
    MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE+vLgxZoPwJRBVQ19vMXvolTsimWqhebZ
    k4HhgaIjFRqUX5usEp+AKjHMvV3aWp1XKGrXmKTcLSk+24kzaEmc+tMkQgq28w+m
    xd30eDHwP++QPyAhjkgcBlNoyEUp1+fI
    -----END PUBLIC KEY-----
    """
  static let p521SPKI = """
    -----BEGIN PUBLIC KEY-----
    MIGbMBAGByqGSM49AgEGBSuBBAAjA4GGAAQAcpkss6wI7PPlxj3t7A1RqMH3nvL4
    L5Tzxze/XeeYZnHqxiX+gle70DlGRMqqOq+PJ6RYX7vK0PJFdiAIXlyPQq0B3KaU
    e86IvFeQSFrJdCc0K8NfiH2G1loIk3fiR+YLqlXk6FAeKtpXJKxR1pCQCAM+vBCs
    mZudf1zCUZ8/4eodlHU=
    -----END PUBLIC KEY-----
    """
  static let p521SEC1 = """
    -----BEGIN EC PRIVATE KEY-----
    MIHcAgEBBEIACFE43av1ypdfWGD5GgjpHW1fmnatQBh2akdmgLVc0znoq2xytfrN
    sqKlCsJb0IZkfdPi5umehMosNgn98Xf+sm2gBwYFK4EEACOhgYkDgYYABABymSyz
    rAjs8+XGPe3sDVGowfee8vgvlPPHN79d55hmcerGJf6CV7vQOUZEyqo6r48npFhf
    u8rQ8kV2IAheXI9CrQHcppR7zoi8V5BIWsl0JzQrw1+IfYbWWgiTd+JH5guqVeTo
    UB4q2lckrFHWkJAIAz68EKyZm51/XMJRnz/h6h2UdQ==
    -----END EC PRIVATE KEY-----
    """
  static let ed25519PKCS8 = """
    -----BEGIN PRIVATE KEY-----
    MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g
    -----END PRIVATE KEY-----
    """
  static let ed25519SPKI = """
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=
    -----END PUBLIC KEY-----
    """
  static let certificate = """
    -----BEGIN CERTIFICATE-----
    MIIBdTCCARugAwIBAgIUQY3oOit/IDGA6u3bT4Fle2oZ9yIwCgYIKoZIzj0EAwIw
    DzENMAsGA1UEAwwEdGVzdDAgFw0yNjExMjExNjA1NTFaGA8yMTI2MTAyODE2MDU1
    MVowDzENMAsGA1UEAwwEdGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABH/N
    zidw9sRdQYPL7m/bS3tYBzM1e+nvE7rPbjx70VRFx/FEzRu9m36HLN/tue659LNp
    XW6pCyStikYjKIWI5a2jUzBRMB0GA1UdDgQWBBTOjRaxyTOOt/45eZmuRb7uP7WG
    hjAfBgNVHSMEGDAWgBTOjRaxyTOOt/45eZmuRb7uP7WGhjAPBgNVHRMBAf8EBTAD
    AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDqiaHlXvYDvsQl5m0oyJEv0qBeK8ZL2OhO
    mLBna/lBswIgFIJQdoXeD3uh+9UBEAoA0Nua9HvvecWNjrE/q2Lw04w=
    -----END CERTIFICATE-----
    """
  static let certificateEd25519 = """
    -----BEGIN CERTIFICATE-----
    MIIBNDCB56ADAgECAhR6pgZpedOdmn/uPx2ex9dZtxAMnDAFBgMrZXAwDzENMAsG
    A1UEAwwEdGVzdDAgFw0yNjExMjExNjA1NTFaGA8yMTI2MTAyODE2MDU1MVowDzEN
    MAsGA1UEAwwEdGVzdDAqMAUGAytlcAMhANdamAGCsQq31Uv+08lkBzoO4XLz2qYj
    Ja8CGmj3B1Eao1MwUTAdBgNVHQ4EFgQUWyeqVYkXl3DkdXWxYqHe2XuL/G0wHwYD
    VR0jBBgwFoAUWyeqVYkXl3DkdXWxYqHe2XuL/G0wDwYDVR0TAQH/BAUwAwEB/zAF
    BgMrZXADQQBmhz7plh9ZT4s/2HPCW88pNpkMslBcyz3tZD6W/CHnRsS/AhayRnfl
    XQ6mV0sHog3pfcNHAlH51lWFr7M6Sh4K
    -----END CERTIFICATE-----
    """
  static let encrypted = """
    -----BEGIN ENCRYPTED PRIVATE KEY-----
    MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAgsGXnVRDjAQwICCAAw
    DAYIKoZIhvcNAgkFADAdBglghkgBZQMEAQIEEEso9EXWOEB6l6jTZjQ3l2YEQIth
    9IByvT2Bj7r2VIpdBGp5ch4BTYAq3BRf0OSaXjn3LDwyE672pr+I75PDIcj942oK
    BHSWXCODA5VJbQt+Idg=
    -----END ENCRYPTED PRIVATE KEY-----
    """
  static let rsa1024 = """
    -----BEGIN PUBLIC KEY-----
    MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQD10fS6ulF4bgcM7xNzAK5TxZI/
    QdjCU96lxWX4elS8g/f3tI2n/4oTw7WHwqKDJDMv//hqCuqym2sZ8bnKGE7Fh0KN
    PCz8KhTR+AxIXnJJBqtrt0ptVg2wuKGK3o3pfTaz4COTK0eLg7ZRGyw4EUToizb4
    EuADKRsJfijMyaYqHwIDAQAB
    -----END PUBLIC KEY-----
    """
  static let secp256k1 = """
    -----BEGIN PUBLIC KEY-----
    MFYwEAYHKoZIzj0CAQYFK4EEAAoDQgAEM+8DLHf0SLAqTM9tNL0GFevaDRbK9/+6
    V7AEfIYqgSGfGcuEY4ehsJsz5KseUj5HPaVwXvoB1J8C1fzT9L/Xfw==
    -----END PUBLIC KEY-----
    """
  static let x25519 = """
    -----BEGIN PUBLIC KEY-----
    MCowBQYDK2VuAyEAkFZo7QFR4Q4LHbcqZlG97afAfgDGIWem2s6+eypHPlA=
    -----END PUBLIC KEY-----
    """
  static let ed448 = """
    -----BEGIN PUBLIC KEY-----
    MEMwBQYDK2VxAzoAAcQ+u7RTCRmgD0NywrglxIgMtst1Vl1r7gPTCljNkoeKcron
    ROx4p+060pFjzMqev6dlUZCRwQSA
    -----END PUBLIC KEY-----
    """
  static let rsaPSSOnly = """
    -----BEGIN PUBLIC KEY-----
    MIIBIDALBgkqhkiG9w0BAQoDggEPADCCAQoCggEBAOjy/pVNEi99j2A0u+71Cd8v
    yuEC/q2HEMqg7mmtg594cKjyyMXBtiGn/MaYPirW2g2TkG3R7As9eO3oeHhCnMNQ
    e/NLDXCabirl9h/ZYSMKF0mzGwPDURd5md4c8aWpthSiCQCNOP8NRJLrxtxpMf9K
    gSaoG+4UoVP+Ug4XkgDPEs3O2UCFeRL5dRKm+aeEwIgxro/spIhrNrhykJkua+eP
    mjPhB5sH4SJSk9zf42jo55nmwX5NPfGiBsidshBv1LkA0KCbTeJGs1lLH3boIeN0
    NqPKeZBsW73gL+tWAv2v3R1jFxJy77KICTsvo3X2wM7vzWprfW/k5/+06zyCJFUC
    AwEAAQ==
    -----END PUBLIC KEY-----
    """
  static let explicitCurve = """
    -----BEGIN PUBLIC KEY-----
    MIIBSzCCAQMGByqGSM49AgEwgfcCAQEwLAYHKoZIzj0BAQIhAP////8AAAABAAAA
    AAAAAAAAAAAA////////////////MFsEIP////8AAAABAAAAAAAAAAAAAAAA////
    ///////////8BCBaxjXYqjqT57PrvVV2mIa8ZR0GsMxTsPY7zjw+J9JgSwMVAMSd
    NgiG5wSTamZ44ROdJreBn36QBEEEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5
    RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9QIhAP////8AAAAA
    //////////+85vqtpxeehPO5ysL8YyVRAgEBA0IABH/Nzidw9sRdQYPL7m/bS3tY
    BzM1e+nvE7rPbjx70VRFx/FEzRu9m36HLN/tue659LNpXW6pCyStikYjKIWI5a0=
    -----END PUBLIC KEY-----
    """

  // Of the RSA key over `message`, made with OpenSSL: salts and a mask hash that RFC 7518 §3.5 forbids.
  static let pssNoSalt =
    "KjHjSSql_sartIZN5njAslEHYErGWJmgqsuOlMOxcZo2sFtE2J_i_EsGfcHttjfOh09PWQGtuJT9hYiQoDz9"
    + "aALPDACAFUCiALdxlYETUuazG_twfeDABqdHKamlEymPU_6_u9sBMIZAYYY4Wdi-QeaFX2pLk6rSIhk96Ra_"
    + "pCy0p7cWlxfGp1-e9sCoRh7x5u2NoTZ5CaljTYsQSuHxwKmE4ccB9XmT3LNrgDRci2R7SR4jXjfjiNLAwI9g"
    + "AcD0NZt4o1GBTGB-rnSNROW7xb9_R5qdsIjGaoJOQghKJyA6mJIs7p_UDkdc0GNuwNSi6nDXspK2-6jdAFGT"
    + "Re6svA"
  static let pssShortSalt =
    "hPgFNby44K99kzOjByOdCQPftJlwPOMBPkysmIYvEfW5kBwXjEXAOR55TdklDbwIcfj7aGREsoqwZOdr4jw8"
    + "OYFMemzwkMXbI-nJZVC-ToMmsQ_ju7WKgax2doFWvW3PBKOjcR5SqyAV5gJSShPn8KuxNhAI-4-VnuQOVGOL"
    + "sqvg29Mqt4cwInXiMwYf3_w9eNkwQqu9FXFTIieF5xkf_r2tITwUTjyF70qSe0Hmw041-Kxf1PXMUKh2u3oT"
    + "pO1hJ5XRn8x1bTXXdsIObhnYhF240xoOc2V4pvuw9ZDjwQxCKqX9RBv1bgWSZAPJowspbFAoclfNuNprJOdk"
    + "dcDJXw"
  static let pssOtherMask =
    "b64arPzV-xqHGwYd15NL6OLdI9rYca2lipJps3kvc6KG0eNnapvav_xi22GsGRGSE3p10L9SgpWsxM5GsxJX"
    + "fPU0U328Rf382u4SjLpun7lsJl_23Tr6YjquBIcUXYQAxhcGWqhIApfPiC5kGx85EpWDsm6iPsoVOs9dCN4g"
    + "dzv0dQ88FmqNRQOTSC3yL_saex8dhUBfWtHSiwBl3R1JfCqoHnALswdZP4drfXV7uFImVdOBmzmS_MAHY-Ri"
    + "3QkB7pEmzG6rPpMSiVeXt58z5DEiI9t5fgvj5ygclB8TQX7LCF-rSGI055xZuqD7oNIIqOS4aM3y6lRfZFbF"
    + "fE4Qqw"
}
