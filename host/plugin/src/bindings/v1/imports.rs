//! The contract's imports, each handed to the core: is it allowed in this call, then the capability, then back.

use wasmtime::Result;
use wasmtime::component::Resource;

use super::convert;
use super::generated::apex::connector::{clock, config, crypto, http, log, payload, reader, state, types};
use crate::call::{CallState, Import};
use crate::capability;
use crate::capability::reader::OpenFile;

impl types::Host for CallState {}

impl log::Host for CallState {
    fn write(&mut self, level: log::Level, message: String) -> Result<()> {
        self.may(Import::Log)?;
        self.log(convert::level(level), &message);
        Ok(())
    }
}

impl clock::Host for CallState {
    fn now(&mut self) -> Result<types::Instant> {
        self.may(Import::Clock)?;
        Ok(convert::instant(self.moment()))
    }
}

impl config::Host for CallState {
    fn get(&mut self) -> Result<String> {
        self.may(Import::Config)?;
        Ok(self.bound().config().to_owned())
    }
}

impl crypto::Host for CallState {
    fn verify_mac(
        &mut self,
        secret: String,
        mac: crypto::Mac,
        encoding: crypto::Encoding,
        prefix: String,
        suffix: String,
        presented: Vec<String>,
    ) -> Result<Result<bool, crypto::CryptoError>> {
        self.may(Import::Keys)?;
        let (mac, written) = (convert::mac(mac), convert::written(encoding));
        let message = self.message(&prefix, &suffix);
        let fits = capability::crypto::verify_mac(self.bound().grant(), &secret, mac, written, message, &presented);
        Ok(fits.map_err(convert::crypto_error))
    }

    fn verify_signature(
        &mut self,
        secret: String,
        signature: crypto::Signature,
        prefix: String,
        suffix: String,
        presented: Vec<String>,
    ) -> Result<Result<bool, crypto::CryptoError>> {
        self.may(Import::Keys)?;
        let message = self.message(&prefix, &suffix);
        let scheme = convert::scheme(signature);
        let fits = capability::crypto::verify_signature(self.bound().grant(), &secret, scheme, message, &presented);
        Ok(fits.map_err(convert::crypto_error))
    }

    fn verify_jwt(&mut self, secret: String, token: String) -> Result<Result<String, crypto::CryptoError>> {
        self.may(Import::Keys)?;
        Ok(capability::jwt::verify(self.bound().grant(), &secret, &token).map_err(convert::crypto_error))
    }

    fn verify_token(&mut self, secret: String, presented: String) -> Result<Result<bool, crypto::CryptoError>> {
        self.may(Import::Keys)?;
        let fits = capability::crypto::verify_token(self.bound().grant(), &secret, &presented);
        Ok(fits.map_err(convert::crypto_error))
    }

    fn digest(&mut self, hash: crypto::Hash, data: Vec<u8>) -> Result<Vec<u8>> {
        self.may(Import::Digest)?;
        Ok(capability::crypto::hash(convert::hash(hash), &data))
    }

    fn digest_body(&mut self, hash: crypto::Hash) -> Result<Vec<u8>> {
        self.may(Import::Digest)?;
        Ok(capability::crypto::hash(convert::hash(hash), self.body()))
    }
}

impl http::Host for CallState {
    fn send(&mut self, request: http::Request) -> Result<Result<http::Response, types::Fault>> {
        self.may(Import::Http)?;
        let answer = self.http(convert::ask(request));
        Ok(answer.map(convert::answer).map_err(convert::fault_out))
    }
}

impl state::Host for CallState {
    fn get(&mut self, key: String) -> Result<Result<Option<Vec<u8>>, types::Fault>> {
        self.may(Import::State)?;
        Ok(self.state_get(&key).map_err(convert::fault_out))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> Result<Result<(), types::Fault>> {
        self.may(Import::State)?;
        Ok(self.state_set(&key, &value).map_err(convert::fault_out))
    }

    fn increment(&mut self, key: String) -> Result<Result<u32, types::Fault>> {
        self.may(Import::State)?;
        Ok(self.state_increment(&key).map_err(convert::fault_out))
    }

    fn delete(&mut self, key: String) -> Result<Result<(), types::Fault>> {
        self.may(Import::State)?;
        Ok(self.state_delete(&key).map_err(convert::fault_out))
    }
}

impl payload::Host for CallState {
    fn put(&mut self, _media_type: String, data: Vec<u8>) -> Result<Result<String, types::Fault>> {
        self.may(Import::Payload)?;
        Ok(self.payload_put(&data).map_err(convert::fault_out))
    }
}

impl reader::Host for CallState {}

impl reader::HostFile for CallState {
    fn name(&mut self, file: Resource<OpenFile>) -> Result<String> {
        Ok(self.files().get(&file)?.name().to_owned())
    }

    fn size(&mut self, file: Resource<OpenFile>) -> Result<u32> {
        Ok(self.files().get(&file)?.size())
    }

    fn sha256(&mut self, file: Resource<OpenFile>) -> Result<String> {
        Ok(self.files_mut().get_mut(&file)?.sha256())
    }

    fn read(&mut self, file: Resource<OpenFile>, offset: u32, length: u32) -> Result<Result<Vec<u8>, types::Fault>> {
        Ok(Ok(self.files().get(&file)?.read(offset, length).to_vec()))
    }

    fn drop(&mut self, file: Resource<OpenFile>) -> Result<()> {
        self.files_mut().delete(file)?;
        Ok(())
    }
}
